"""
Is one router really better than another?
=========================================

Two accuracies that differ by a point may be the same by chance, and a router that
queries a little more looks better than it is. This program compares routers on rows
that they did not learn from, at exactly the same coverage, with paired intervals that
hold for the whole table.
"""

# %%
# Outcomes for training and for evaluation
# ----------------------------------------
# The global is a specialist here: much better on some inputs, and worse on others.

import matplotlib.pyplot as plt

from selective_query import compare_routers
from selective_query.datasets import make_selective_query

train = make_selective_query(1500, regime="specialist", random_state=0).outcomes
test = make_selective_query(1500, regime="specialist", random_state=1).outcomes
comparison = compare_routers(
    train,
    test,
    ["max_probability", "entropy", "benefit", "boosted_benefit", "random", "oracle"],
    coverages=[0.9, 0.8, 0.7],
    random_state=0,
)
print(comparison)

# %%
# Read the differences, not the overlap
# -------------------------------------
# ``low`` and ``high`` are the interval of one difference by itself; the simultaneous
# interval holds for the whole table. The verdict uses the latter.

rows = [r for r in comparison.differences("max_probability") if r["coverage"] == 0.8]
for row in rows:
    print(
        f"{row['router']:16}{100 * row['difference']:+6.2f} points "
        f"({100 * row['low_simultaneous']:+.2f} to "
        f"{100 * row['high_simultaneous']:+.2f}): {row['verdict']}"
    )

# %%
# Is the simple router good enough?
# ---------------------------------
# With a margin that was chosen beforehand, the question is whether a router is worse by
# at most that margin.

for row in comparison.differences("benefit", margin=0.01):
    if row["coverage"] == 0.8 and row["router"] != "oracle":
        print(f"{row['router']:16} not inferior by a point: {row['not_inferior']}")

# %%
# A band over all coverages
# -------------------------
# The band covers the difference at every coverage at once: where it lies above zero,
# the learned router is better.

band = comparison.bands("benefit", reference="max_probability")
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.fill_between(band.coverage, 100 * band.low, 100 * band.high, alpha=0.25)
ax.plot(band.coverage, 50 * (band.low + band.high))
ax.axhline(0, color="black", lw=1)
ax.set(
    title="benefit minus max_probability",
    xlabel="Coverage",
    ylabel="Difference in accuracy, points",
)
plt.show()
