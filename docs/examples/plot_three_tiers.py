"""
Does a gateway between device and cloud pay off?
================================================

A chain of three models of increasing price. Each tier answers some inputs and passes on
the rest. Is the middle one worth its cost, and how many inputs reach the cloud?
"""

# %%
# A chain of three
# ----------------
# ``costs`` are the costs of querying each tier, in any unit. Each tier's threshold is
# learned on the inputs that reach it.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from selective_query import CascadeClassifier
from selective_query.budgets import MaxTierCost

X, y = load_digits(return_X_y=True)
X = X / 16
tiers = {
    "mcu": make_pipeline(PCA(8, whiten=True), LogisticRegression(max_iter=1000)),
    "gateway": LogisticRegression(C=1, max_iter=300),
    "cloud": ExtraTreesClassifier(100, random_state=0),
}
costs = {"mcu": 1, "gateway": 4, "cloud": 20}


def chain(*names):
    """A cascade of some of the tiers, fitted."""
    return CascadeClassifier(
        [(name, tiers[name]) for name in names],
        router="max_probability",
        coverage=0.8,
        costs=[costs[name] for name in names],
        cv=3,
        random_state=0,
    ).fit(X[:1200], y[:1200])


three = chain("mcu", "gateway", "cloud")
two = chain("mcu", "cloud")

# %%
# One budget for all tiers
# ------------------------
# ``MaxTierCost`` optimises all thresholds together, so that a unit of cost gains the
# same at every tier.

budget = 5.0
for name, cascade in (("three tiers", three), ("without gateway", two)):
    report = cascade.at(MaxTierCost(budget)).report(X[1200:], y[1200:])
    print(
        f"{name:16} accuracy {report.accuracy:.3f}, asked {report.n_asked}, "
        f"answered {report.n_answered}"
    )

# %%
# Accuracy over cost
# ------------------

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, cascade, look in (
    ("mcu, gateway, cloud", three, "o-"),
    ("mcu, cloud", two, "s--"),
):
    points = []
    for limit in (1.5, 2, 3, 4, 6, 8, 11):
        moved = cascade.at(MaxTierCost(limit))
        report = moved.report(X[1200:], y[1200:])
        points.append((report.cost, 100 * report.accuracy))
    ax.plot(*zip(*points, strict=True), look, label=name)
ax.legend(loc="lower right")
ax.set(
    title="Accuracy with and without the gateway",
    xlabel="Mean cost of an input",
    ylabel="Accuracy, %",
)
plt.show()
