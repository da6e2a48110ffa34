"""
How much must a classifier leave unanswered to be right?
========================================================

"At least 98 % of the answers are right, with probability 0.9." Without a global a query
means that no model answers. The fewer inputs the classifier must answer, the more of
its answers are right, as long as its confidence is informative.
"""

# %%
# A guarantee on the answers
# --------------------------
# ``MinSelectiveAccuracy`` is a floor on the accuracy of the answers. A certificate
# needs rows that nothing was fitted on: here the base is frozen.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import AbstainingClassifier
from selective_query.budgets import MinSelectiveAccuracy
from selective_query.metrics import selective_accuracy_at_coverage

X, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
X, y = X[order] / 16, y[order]
base = LogisticRegression(C=0.01, max_iter=300).fit(X[:500], y[:500])
floor = MinSelectiveAccuracy(0.98)
model = AbstainingClassifier(
    FrozenEstimator(base),
    router="max_probability",
    coverage=floor,
    confidence=0.9,
    random_state=0,
).fit(X[500:1200], y[500:1200])
print(model.operating_point_.certificate)

X_new, y_new = X[1200:], y[1200:]
report = model.report(X_new, y_new)
print(f"answers {report.coverage:.1%} of the inputs, right on {report.accuracy:.1%}")
print(f"answering everything: {report.base_accuracy:.1%}")

# %%
# What guarantees cost
# --------------------
# The stricter the guarantee, the fewer answers. If there are too few rows to certify
# one, the error says how many would be needed.

for accuracy in (0.94, 0.96, 0.98):
    for confidence in (None, 0.9):
        moved = model.at(MinSelectiveAccuracy(accuracy), confidence=confidence)
        found = moved.report(X_new, y_new)
        print(
            f"at least {accuracy:.0%}, confidence {confidence or 'none':>4}: "
            f"answers {found.coverage:.1%}, right on {found.accuracy:.1%}"
        )

# %%
# Accuracy over the share answered
# --------------------------------

outcomes = model.outcomes(X_new, y_new)
grid = np.linspace(0.2, 1, 161)
accuracy = selective_accuracy_at_coverage(
    model.query_score(X_new), outcomes.base_utility, coverage=grid
)
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(100 * grid, 100 * accuracy)
ax.axhline(98, color="tab:gray", ls="--")
ax.plot(100 * report.coverage, 100 * report.accuracy, "o", color="tab:orange", ms=9)
ax.annotate(
    "certified", (100 * report.coverage, 100 * report.accuracy), (0, -18),
    textcoords="offset points", color="tab:orange", ha="right",
)  # fmt: skip
ax.set(
    title="The fewer answers, the more of them are right",
    xlabel="Share of the new inputs that are answered, %",
    ylabel="Accuracy of the answers, %",
)
plt.show()

# %%
# A label for abstentions
# -----------------------
# By default ``predict`` answers everywhere, and ``predict_coverage`` is False where the
# classifier abstains. With ``abstain_label``, ``predict`` returns that label there.

model.set_params(abstain_label=-1)
print("labels ", model.predict(X_new)[:12])
print("answers", model.predict_coverage(X_new)[:12].astype(int))

# %%
# The least confident digits
# --------------------------

doubtful = np.argsort(-model.query_score(X_new))[:10]
figure, axes = plt.subplots(2, 5, figsize=(6.4, 3), layout="constrained")
figure.suptitle("Left unanswered (true label above)")
for ax, row in zip(axes.flat, doubtful, strict=True):
    ax.imshow(X_new[row].reshape(8, 8), cmap="gray_r")
    ax.set_axis_off()
    ax.set_title(y_new[row], fontsize=9)
plt.show()
