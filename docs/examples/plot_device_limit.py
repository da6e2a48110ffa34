"""
Which base fits the device and makes the best pair?
===================================================

The most accurate base does not always make the best pair, and the best one may not fit.
``HybridSearchCV`` leaves out bases that exceed the device's memory before it trains
anything, and ranks the others by the accuracy of the pair.
"""

# %%
# A small microcontroller
# -----------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from selective_query import HybridSearchCV
from selective_query.costs import STM32F746
from selective_query.footprint import profile_estimator

device = STM32F746.with_(flash_bytes=128 * 1024)
X, y = load_digits(return_X_y=True)
X = X / 16
bases = {
    "naive Bayes": GaussianNB(var_smoothing=0.1),
    "linear": LogisticRegression(C=0.1, max_iter=300),
    "tree of depth 6": DecisionTreeClassifier(max_depth=6, random_state=0),
    "10 trees": RandomForestClassifier(10, max_depth=6, random_state=0),
    "200 trees": RandomForestClassifier(200, max_depth=9, random_state=0),
    "neighbours": KNeighborsClassifier(5),
}

# %%
# The search
# ----------
# ``left_out_`` lists the candidates that do not fit the device, each with the reason.

search = HybridSearchCV(
    bases,
    ExtraTreesClassifier(50, random_state=0),
    coverage=0.7,
    cv=3,
    device=device,
    random_state=0,
).fit(X[:1200], y[:1200])
print("chosen:", search.best_name_)
for name, reason in search.left_out_.items():
    print(f"left out: {name}: {reason[:90]}")
report = search.best_hybrid_.report(X[1200:], y[1200:], query_all=True)
print(f"base {report.base_accuracy:.3f}, pair {report.accuracy:.3f}")
print(f"global {report.global_accuracy:.3f}, coverage {report.coverage:.3f}")

# %%
# Size and accuracy of all candidates
# -----------------------------------
# All are fitted here only for the picture; the search did not train those that do not
# fit.

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, base in bases.items():
    base.fit(X[:1200], y[:1200])
    size = profile_estimator(base, X[:1200]).flash_bytes() / 1024
    accuracy = 100 * base.score(X[1200:], y[1200:])
    chosen = name == search.best_name_
    ax.plot(size, accuracy, "*" if chosen else "o", ms=13 if chosen else 7,
            color="tab:orange" if chosen else "tab:blue")  # fmt: skip
    ax.annotate(name, (size, accuracy), (6, 5), textcoords="offset points")
ax.axvline(96, color="black", ls="--", lw=1)
ax.text(99, 76, "flash available\nfor the base", va="bottom")
ax.set(
    title="Candidates for the base (star: chosen)",
    xscale="log",
    xlim=(0.8, 4000),
    xlabel="Flash, KB",
    ylabel="Accuracy of the base alone, %",
)
plt.show()
