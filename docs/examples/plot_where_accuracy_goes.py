"""
Where does a hybrid lose accuracy?
==================================

A hybrid that is not good enough can be improved in several places: the base, the
global, the router, the threshold. ``diagnose`` reports how many points of accuracy each
of them costs, and how many are lost because the inputs have changed.
"""

# %%
# A hybrid
# --------
# The base sees eight numbers per digit, the global sees all pixels, and the router
# learns from the class probabilities of the base.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from selective_query import HybridClassifier, diagnose
from selective_query.costs import ConstantCosts
from selective_query.displays import (
    BenefitReliabilityDisplay,
    CostQualityDisplay,
    GapAttributionDisplay,
    ScoreHistogramDisplay,
)

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
base = make_pipeline(
    PCA(8, whiten=True, random_state=0), LogisticRegression(max_iter=1000)
)
global_ = ExtraTreesClassifier(50, random_state=0)
hybrid = HybridClassifier(
    base, global_, router="benefit", coverage=0.9, random_state=0
).fit(X, y)

# %%
# Losses step by step
# -------------------
# The steps lead from a perfect system down to the hybrid, so the losses add up. *Base*
# is the loss that remains with a perfect global, queried on the best rows, because
# there are too few queries; *global* is the additional loss from this global's errors;
# *ranking* is what the router's ranking loses to the best one.

gap = diagnose(hybrid, X_new, y_new, random_state=0)
print(gap)
print()
print(gap.advice())

# %%

GapAttributionDisplay(gap).plot()
plt.show()

# %%
# When inputs change
# ------------------
# The same hybrid on noisy digits. *Shift* compares the calibration rows with these
# rows, for the same ranking at the same coverage; the indented lines of the table show
# its causes. *Threshold* is negative here: noise raised the scores, so more rows were
# queried than asked for, and these extra queries gained something.

noisy = X_new + np.random.default_rng(0).normal(scale=3, size=X_new.shape)
gap = diagnose(hybrid, noisy, y_new, random_state=0)
print(gap)
print()
print(gap.advice())
GapAttributionDisplay(gap).plot()
plt.show()

# %%
# What the router does
# --------------------
# Left: with a good score, the rows that only the global gets right lie on the right.
# Right: whether a query gains as much as the router expects, in bins of equal size.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
ScoreHistogramDisplay.from_estimator(hybrid, X_new, y_new, bins=20).plot(left)
BenefitReliabilityDisplay.from_estimator(hybrid, X_new, y_new, n_bins=8).plot(right)
plt.show()

# %%
# What it costs
# -------------
# Accuracy over the mean cost of an input. The front is the best accuracy that random
# mixtures of operating points reach.

costs = ConstantCosts(base_latency_ms=40, query_latency_ms=900)
CostQualityDisplay.from_estimator(
    hybrid, X_new, y_new, cost=costs, quantity="latency_ms"
).plot()
plt.show()
