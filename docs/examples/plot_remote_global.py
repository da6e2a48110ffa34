"""
What if the global is a server that may be down?
================================================

``CallableClassifier`` wraps any function that calls a server: an SDK, a language model,
a colleague's endpoint. It has a deadline and a circuit breaker, and the hybrid reports
which model answered each input.
"""

# %%
# A global behind a function
# --------------------------
# The stand-in for a server fails when ``cloud["is_up"]`` is False. For servers that
# implement the Open Inference Protocol use ``RemoteClassifier(url, ...)`` instead.

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier
from selective_query.serving import CallableClassifier

X, y = load_digits(return_X_y=True)
base = GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600])
trees = ExtraTreesClassifier(random_state=0).fit(X[:600], y[:600])
cloud = {"is_up": True}


def ask_cloud(rows):
    """Send rows to the server and return its probabilities."""
    if not cloud["is_up"]:
        raise ConnectionRefusedError
    return trees.predict_proba(rows)


global_ = CallableClassifier(
    ask_cloud,
    classes=trees.classes_,
    method="predict_proba",
    batch_rows=256,
    deadline_ms=2000,
)

# %%
# The base as a fallback
# ----------------------
# With ``on_unavailable="base"`` the base's answer is used wherever the global gives no
# usable one. Fitting still needs the global.

hybrid = HybridClassifier(
    FrozenEstimator(base), global_, coverage=0.8, on_unavailable="base"
).fit(X[600:1200], y[600:1200])
X_new, y_new = X[1200:], y[1200:]

accuracy = {"base alone": base.score(X_new, y_new)}
answered = {}
for name, is_up in (("cloud up", True), ("cloud down", False)):
    cloud["is_up"] = is_up
    found = hybrid.predict_detailed(X_new)
    accuracy[name] = (found.label == y_new).mean()
    answered[name] = Counter(found.answered_by.tolist())
    print(f"{name:11} accuracy {accuracy[name]:.3f}, answers: {dict(answered[name])}")
    print("            failures:", dict(Counter(found.failure[found.queried].tolist())))

# %%
# The circuit breaker
# -------------------
# After some failures in a row the breaker opens: further queries are answered by the
# base at once ("not asked"), and a single probe per recovery period checks whether the
# cloud is back.

print(found.to_frame().query("queried").head())

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
left.bar(list(accuracy), 100 * np.array(list(accuracy.values())), color="tab:blue")
left.set(title="Accuracy", ylabel="%", ylim=(80, 100))
left.tick_params(axis="x", rotation=20)
for place, (_, counts) in enumerate(answered.items()):
    right.barh(place, counts["base"], color="tab:blue")
    right.barh(place, counts["global"], left=counts["base"], color="tab:orange",
               hatch="//")  # fmt: skip
right.set(
    title="Answers by model (blue: base, hatched: global)",
    yticks=[0, 1],
    yticklabels=list(answered),
    xlabel="inputs",
)
plt.show()
