r"""
Is the coverage on new data the one I asked for?
================================================

A threshold is learned from n calibration rows, so the coverage on new data is random:
it depends on the rows that happened to be drawn. With a frozen base and a router that
learns nothing, its distribution is known exactly,

.. math:: C \sim \mathrm{Beta}(k, \; n + 1 - k)

where k is the rank of the threshold among the calibration scores. This program repeats
the draw a few hundred times and compares the results with it.
"""

# %%
# A frozen base and a large pool of rows
# --------------------------------------

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import beta
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import AbstainingClassifier

X, y = make_classification(
    n_samples=22000, n_features=10, n_informative=6, n_classes=4, random_state=0
)
base = FrozenEstimator(LogisticRegression().fit(X[:2000], y[:2000]))
X_pool, y_pool = X[2000:], y[2000:]

# %%
# Repeated draws
# --------------
# Each draw takes 200 rows to calibrate on and asks for coverage 0.9 twice: on average,
# and with a confidence of 95 %. Realised coverage is counted on the rest of the pool.

N_ROWS, N_DRAWS, ASKED = 200, 300, 0.9
rng = np.random.default_rng(0)
realised = {None: [], 0.95: []}
rank = {}
for _ in range(N_DRAWS):
    order = rng.permutation(len(y_pool))
    calibration, new = order[:N_ROWS], order[N_ROWS:]
    model = AbstainingClassifier(base, router="max_probability", coverage=ASKED)
    model.fit(X_pool[calibration], y_pool[calibration])
    for confidence, values in realised.items():
        moved = model.at(ASKED, confidence=confidence)
        rank[confidence] = moved.operating_point_.certificate.rank
        values.append(moved.predict_coverage(X_pool[new]).mean())

# %%
# The first meets the target on average, and misses it in nearly half of the draws. The
# second is constructed to miss it with a probability of at most 5 %; the share among a
# few hundred draws scatters around the theoretical probability.

for confidence, values in realised.items():
    values, k = np.array(values), rank[confidence]
    law = beta(k, N_ROWS + 1 - k)
    print(
        f"confidence {confidence}: rank {k} of {N_ROWS}\n"
        f"  mean coverage    {values.mean():.4f}, by the law {law.mean():.4f}\n"
        f"  below {ASKED} in     {(values < ASKED).mean():.1%} of draws, "
        f"by the law {law.cdf(ASKED):.1%}"
    )

# %%
# The distribution and the draws
# ------------------------------

figure, axes = plt.subplots(2, sharex=True, figsize=(6.4, 5), layout="constrained")
grid = np.linspace(0.8, 1, 400)
for ax, (confidence, values) in zip(axes, realised.items(), strict=True):
    k = rank[confidence]
    ax.hist(values, bins=30, density=True, color="lightsteelblue", label="draws")
    ax.plot(
        grid, beta.pdf(grid, k, N_ROWS + 1 - k), label=f"Beta({k}, {N_ROWS + 1 - k})"
    )
    ax.axvline(ASKED, color="black", linestyle="--", label="asked")
    ax.set(title=f"confidence={confidence}", ylabel="Density")
    ax.legend(loc="upper left")
axes[-1].set(xlabel="Coverage on new rows")
plt.show()

# %%
# Too few rows
# ------------
# If the rank exceeds the number of rows, there is no threshold. Nothing is queried
# then, and a warning says how many rows are needed.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    few = AbstainingClassifier(
        base, router="max_probability", coverage=ASKED, confidence=0.95
    ).fit(X_pool[:20], y_pool[:20])
print(caught[0].message)
print(few.operating_point_.certificate)
