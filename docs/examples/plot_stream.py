"""
Has the stream of inputs changed?
=================================

A threshold does not adapt to a distribution shift. When inputs change, so does the
share that is queried, and with it the cost. Coverage needs no labels, so it can be
monitored. How fast is a change noticed, and how can it be repaired?
"""

# %%
# A stream that becomes noisy
# ---------------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import HybridClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
rng = np.random.default_rng(0)
base = LogisticRegression(C=0.1, max_iter=300).fit(X[:600], y[:600])
cloud = ExtraTreesClassifier(random_state=0).fit(X[:600], y[:600])
hybrid = HybridClassifier(
    FrozenEstimator(base),
    FrozenEstimator(cloud),
    router="max_probability",
    coverage=0.8,
    confidence=0.95,
).fit(X[600:1200], y[600:1200])
print(hybrid.operating_point_.certificate)

rows = rng.choice(np.arange(1200, len(y)), size=6000)
stream, labels = X[rows].copy(), y[rows]
stream[3000:] += rng.normal(scale=0.4, size=stream[3000:].shape)

# %%
# Watch the coverage
# ------------------
# Coverage is computed in windows of 300 inputs, and compared with the range that
# contains 99 % of the windows while nothing changes: a binomial interval around the
# coverage of the first windows.

kept = hybrid.predict_coverage(stream)
windows = kept.reshape(-1, 300).mean(axis=1)
usual = windows[:5].mean()
half = 2.58 * np.sqrt(usual * (1 - usual) / 300)
alarm = np.flatnonzero(np.abs(windows - usual) > half)
alarm = alarm[alarm >= 10]
print(
    f"usual coverage {usual:.3f}; the first window outside it is number {alarm[0] + 1}"
)
print(f"coverage after the change {kept[3300:].mean():.3f}")

# %%
# A new threshold
# ---------------
# The models stay the same. A new threshold is learned from 600 of the new rows; the
# coverage is restored, and the accuracy shows what the noise costs.

new = np.arange(3300, 3900)
repaired = hybrid.with_base(FrozenEstimator(base), stream[new], labels[new])
later = slice(3900, None)
for name, model in (("old threshold", hybrid), ("new threshold", repaired)):
    report = model.report(stream[later], labels[later])
    print(f"{name}: coverage {report.coverage:.3f}, accuracy {report.accuracy:.3f}")

# %%

figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
centres = 150 + 300 * np.arange(len(windows))
ax.axhspan(100 * (usual - half), 100 * (usual + half), color="tab:gray", alpha=0.25)
ax.plot(centres, 100 * windows, marker="o", label="old threshold")
after = repaired.predict_coverage(stream[later]).reshape(-1, 300).mean(axis=1)
ax.plot(4050 + 300 * np.arange(len(after)), 100 * after, "s--", label="new threshold")
ax.axvline(3000, color="black", ls=":")
ax.annotate("inputs change", (3000, 62), (5, 0), textcoords="offset points")
ax.legend(loc="lower left")
ax.set(title="Coverage of a stream", xlabel="Input", ylabel="Coverage, %")
plt.show()
