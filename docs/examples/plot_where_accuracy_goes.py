"""
Where does a hybrid lose accuracy?
==================================

A hybrid that is not good enough can be improved in several places: the base, the
global, the router, the threshold. ``diagnose`` says how many points of accuracy each of
them costs, and how many are lost because inputs are no longer what they were.
"""

# %%
# A hybrid
# --------
# A base that sees eight numbers of each digit, a global that sees all pixels, and a
# router that learns from the class probabilities of the base.

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
# The steps down
# --------------
# From a perfect system each step leads a little down, and the last one ends at the
# hybrid: the losses add up. *Base* is what a perfect global, asked about the best rows,
# could not correct with so few queries; *global* what this global gets wrong of that;
# *ranking* what the router's order of the rows loses to the best order.

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
# The same hybrid on noisy digits. *Shift* compares the same order at the same coverage
# on the rows that the threshold was learned from and on these; the indented lines of
# the table say what causes it. *Threshold* is negative here: noise raised the
# scores, so that more was queried than asked for, and these queries gained something.

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
# Left: a good score has what only the global knows on its right. Right: whether a
# query gains as much as the router expects, in bins of as many rows each.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
ScoreHistogramDisplay.from_estimator(hybrid, X_new, y_new, bins=20).plot(left)
BenefitReliabilityDisplay.from_estimator(hybrid, X_new, y_new, n_bins=8).plot(right)
plt.show()

# %%
# What it costs
# -------------
# Accuracy over what an input costs. The front is the best that a random choice between
# operating points reaches.

costs = ConstantCosts(base_latency_ms=40, query_latency_ms=900)
CostQualityDisplay.from_estimator(
    hybrid, X_new, y_new, cost=costs, quantity="latency_ms"
).plot()
plt.show()
