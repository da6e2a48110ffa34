"""
What does a smaller net change about the decisions?
===================================================

Pruning and int8 change a base's answers and its confidence, so the old threshold is
wrong for the new scores. The drift report shows what changed under the old threshold,
and what a new one repairs.
"""

# %%
# A net, and the pair before compression
# --------------------------------------

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from selective_query import HybridClassifier
from selective_query.nets import ConvNet
from selective_query.nets.compression import drift_report, prune, quantise
from selective_query.nets.training import NetClassifier

X, y = load_digits(return_X_y=True)
X = (X.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
train, learn, new = slice(700), slice(700, 1250), slice(1250, None)

flat = FunctionTransformer(lambda images: images.reshape(len(images), -1))
cloud = make_pipeline(flat, ExtraTreesClassifier(random_state=0))
cloud.fit(X[train], y[train])
base = NetClassifier(
    partial(ConvNet, 10, (8, 16), n_channels=1), n_epochs=12, random_state=0
).fit(X[train], y[train])
before = HybridClassifier(
    FrozenEstimator(base),
    FrozenEstimator(cloud),
    router="max_probability",
    coverage=0.7,
).fit(X[learn], y[learn])

# %%
# Int8 alone, and int8 with half of the channels
# ----------------------------------------------
# The pruned net is fine-tuned by distillation from the original net.

int8 = quantise(base, X[train][:300])
pruned = clone(prune(base, keep=0.5)).set_params(loss="distillation", n_epochs=6)
pruned.fit(X[train], y[train], global_proba=base.predict_proba(X[train]))
small = quantise(pruned, X[train][:300])

# %%
# The report
# ----------
# ``with_base`` learns the threshold again, on rows that are new to both bases.

reports = {}
for name, net in (("int8", int8), ("half the channels, int8", small)):
    after = before.with_base(net, X[learn], y[learn])
    reports[name] = drift_report(before, after, X[new], y[new])
    print(f"--- {name}")
    print(reports[name])

# %%
# Coverage drifts most
# --------------------

figure, ax = plt.subplots(figsize=(6.6, 3), layout="constrained")
for place, found in enumerate(reports.values()):
    for value, shift, colour, hatch in (
        (found.coverage_old, -0.2, "tab:orange", "//"),
        (found.coverage_new, 0.2, "tab:blue", ""),
    ):
        ax.barh(place + shift, 100 * value, 0.36, color=colour, hatch=hatch)
ax.axvline(70, color="black", ls="--")
ax.text(70.5, 1.45, "asked", va="center")
ax.set(
    title="Coverage under the old (hatched) and the new threshold",
    yticks=range(len(reports)),
    yticklabels=list(reports),
    xlim=(0, 100),
    ylim=(-0.6, 1.6),
    xlabel="Coverage on new rows, %",
)
plt.show()
