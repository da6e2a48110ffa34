"""
A classifier that may abstain
=============================

Without a global a query means that nobody answers. The fewer inputs the base must
answer, the more of its answers are right, as long as the router ranks its doubts well.
"""

# %%
# Train
# -----

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from selective_query import AbstainingClassifier
from selective_query.metrics import selective_accuracy_at_coverage

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
routers = ("max_probability", "entropy", "benefit")
models = {
    router: AbstainingClassifier(
        GaussianNB(var_smoothing=0.1), router=router, coverage=0.8, random_state=0
    ).fit(X, y)
    for router in routers
}

# %%
# Selective accuracy over coverage
# --------------------------------
# The accuracy on what is answered, at exactly each share of the new rows. Dots show the
# thresholds that were learned on the training rows: for each coverage asked, the
# coverage and the accuracy that came of it.

grid = np.linspace(0.3, 1, 141)
asked = (0.5, 0.6, 0.7, 0.8, 0.9)
figure, ax = plt.subplots(layout="constrained")
for router, model in models.items():
    outcomes = model.outcomes(X_new, y_new)
    accuracy = selective_accuracy_at_coverage(
        model.query_score(X_new), outcomes.base_utility, coverage=grid
    )
    (line,) = ax.plot(grid, accuracy, label=router)
    reports = [model.at(coverage).report(X_new, y_new) for coverage in asked]
    ax.scatter(
        [r.coverage for r in reports],
        [r.accuracy for r in reports],
        color=line.get_color(),
        s=18,
    )
ax.set(xlabel="Coverage (share answered)", ylabel="Accuracy on what is answered")
ax.legend(loc="lower left")
plt.show()

# %%
# A label for abstentions
# -----------------------
# ``predict`` answers everywhere unless ``abstain_label`` names what to return instead.
# It must be of the kind of the classes: a number among numbers, text among texts.

labels = np.array(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
model = AbstainingClassifier(
    GaussianNB(var_smoothing=0.1),
    router="max_probability",
    coverage=0.8,
    abstain_label="cannot tell",
).fit(X, labels[y])
answers = model.predict(X_new)
print(answers[:12])
print(f"abstained on {(answers == 'cannot tell').mean():.1%}")

# %%
# The digits it is least sure of
# ------------------------------

doubtful = np.argsort(-model.query_score(X_new))[:10]
figure, axes = plt.subplots(2, 5, figsize=(6.4, 3), layout="constrained")
for ax, row in zip(axes.flat, doubtful, strict=True):
    ax.imshow(X_new[row].reshape(8, 8), cmap="gray_r")
    ax.set_axis_off()
    ax.set_title(labels[y_new[row]], fontsize=9)
plt.show()
