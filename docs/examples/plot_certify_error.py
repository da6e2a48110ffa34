"""
Can I promise that the pair is nearly as good as the global?
============================================================

"At most two points more errors than the global alone, with probability 0.9." Such a
promise needs rows that nothing was fitted on, and more queries than a threshold without
a promise. How many more?
"""

# %%
# Two trained models, and rows of three kinds
# -------------------------------------------
# The simulator draws the outputs of two models, so there are enough rows to check the
# promise afterwards. With your own models, use ``FrozenEstimator`` and held-out rows.

import matplotlib.pyplot as plt
import numpy as np

from selective_query import RoutingPolicy
from selective_query.budgets import MaxExcessError
from selective_query.datasets import make_selective_query

population = make_selective_query(100_000, regime="uniform", random_state=1).outcomes
budget = MaxExcessError(0.02)


def excess_error(policy):
    """Error of the pair above the global's, on the population."""
    kept = policy.decide(population.evidence)
    return -np.mean(kept * (population.base_utility - population.global_utility))


# %%
# With and without a promise
# --------------------------
# ``confidence`` asks for a threshold that meets the budget with that probability over
# the draw of the calibration rows.

rows = make_selective_query(2000, random_state=0).outcomes
plain = RoutingPolicy("max_probability", budget, random_state=0).fit(rows)
sure = plain.at(budget, confidence=0.9)
for name, policy in (("plain", plain), ("certified", sure)):
    point = policy.operating_point_
    print(f"{name:10} coverage {point.coverage:.3f}")
    print(f"           {point.certificate}")
    print(f"           excess error on new rows {excess_error(policy):+.4f}")

# %%
# Does it hold?
# -------------
# Two hundred draws of the calibration rows show it. Without a promise, about half of
# the draws miss the budget; with it, at most one in ten may.

found = {None: [], 0.9: []}
for seed in range(200):
    rows = make_selective_query(1500, random_state=1000 + seed).outcomes
    policy = RoutingPolicy("max_probability", budget, random_state=seed).fit(rows)
    for confidence, values in found.items():
        moved = policy.at(budget, confidence=confidence)
        values.append((excess_error(moved), moved.operating_point_.coverage))

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
bins = np.linspace(-0.01, 0.05, 31)
for confidence, values in found.items():
    errors, coverages = np.array(values).T
    missed = (errors > 0.02).mean()
    print(
        f"confidence {confidence}: missed {missed:.1%}, coverage {coverages.mean():.3f}"
    )
    ax.hist(
        100 * errors, 100 * bins, alpha=0.6,
        label=f"confidence={confidence}: {missed:.0%} miss",
    )  # fmt: skip
ax.axvline(2, color="black", ls="--", label="asked")
ax.set(
    title="Excess error over 200 draws of 1,500 calibration rows",
    xlabel="Errors above those of the global, points",
    ylabel="Draws",
)
ax.legend()
plt.show()
