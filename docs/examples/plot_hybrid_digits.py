"""
How accurate is a pair of two scikit-learn models?
==================================================

The base sees eight numbers per digit, the global sees all pixels, and the router
decides which model answers. The curves show the accuracy of the pair for every share of
the inputs that the base answers: at the right end the base alone, at the left end the
global alone.
"""

# %%
# Two models, and rows that neither is fitted on
# ----------------------------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from selective_query import (
    AccuracyCoverageDisplay,
    HybridClassifier,
    compare_routers,
    cross_fit_outcomes,
)

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
base = make_pipeline(
    PCA(8, whiten=True, random_state=0), LogisticRegression(max_iter=1000)
)
global_ = ExtraTreesClassifier(50, random_state=0)

# %%
# A hybrid of the two
# -------------------
# The default router is max-probability unless another is clearly better; ``selection_``
# shows what was chosen.

hybrid = HybridClassifier(base, global_, coverage=0.8, random_state=0).fit(X, y)
print(hybrid.operating_point_)
print("chosen:", hybrid.policy_.router_.selection_["chosen"])

report = hybrid.report(X_new, y_new, query_all=True)
for name, value in report.items():
    print(f"{name:28}{value:.4g}")

# %%
# Comparing routers and bounds
# ----------------------------
# Routers learn from out-of-fold predictions of both models, and are evaluated on new
# rows. Compare by the column ``at coverage``. The oracle knows where a query helps, the
# random router knows nothing, and the others lie in between.

comparison = compare_routers(
    cross_fit_outcomes(base, global_, X, y),
    hybrid.outcomes(X_new, y_new),
    ["max_probability", "margin", "entropy", "benefit", "random", "oracle"],
    coverages=[0.9, 0.8, 0.7],
    random_state=0,
)
print(comparison)

# %%
# The oracle stops querying at the coverage where no further query gains anything; its
# curve is flat to the left of that point.

display = AccuracyCoverageDisplay.from_comparison(comparison)
display.point = report.coverage, report.accuracy
display.plot()
plt.show()

# %%
# Are the differences real? Look at the paired intervals: if one contains zero, these
# rows cannot distinguish the two routers.

for row in comparison.differences("max_probability"):
    if row["coverage"] == 0.8:
        low, difference, high = (100 * row[k] for k in ("low", "difference", "high"))
        print(f"{row['router']:16}{difference:+.2f} ({low:+.2f} to {high:+.2f}) points")
