"""
How does a net get onto a microcontroller?
==========================================

Train a small net, pair it with a global, and export the half that runs on the device:
the int8 net, the router and the threshold as C sources, which are compared bit by bit
with a reference. This program needs torch, a C compiler and ``pip install
'selective-query[c]'``.
"""

# %%
# Four kinds of rows
# ------------------
# One part trains both models, one sets the first threshold, one is used to quantise the
# net and set the artefact's threshold, and one is for the report.

import tempfile
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from selective_query import HybridClassifier
from selective_query.costs import STM32F746
from selective_query.export import EdgeClassifier, export_c
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier

X, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
images, y = (X[order].reshape(-1, 1, 8, 8) / 16).astype(np.float32), y[order]
train, first, second, new = (
    slice(700),
    slice(700, 1000),
    slice(1000, 1400),
    slice(1400, None),
)

# %%
# Train, and check that the net fits
# ----------------------------------

base = NetClassifier(
    partial(ConvNet, 10, (8, 16), n_channels=1), n_epochs=15, random_state=0
).fit(images[train], y[train])
print(profile_net(base.module_.net, (1, 8, 8)).fits(STM32F746))

flat = FunctionTransformer(lambda images: images.reshape(len(images), -1))
cloud = make_pipeline(flat, ExtraTreesClassifier(random_state=0))
cloud.fit(images[train], y[train])
hybrid = HybridClassifier(
    FrozenEstimator(base),
    FrozenEstimator(cloud),
    router="max_probability",
    coverage=0.8,
).fit(images[first], y[first])

# %%
# Export
# ------
# Int8 changes the net's answers and its confidence. ``calibration`` takes labelled rows
# that were used for nothing else: they set the ranges of the activations, and the
# artefact's threshold is learned from its own predictions on them. With ``device=`` and
# an Arm compiler the sources are also linked for the device, and run in an emulator if
# one is installed.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "edge"
report = export_c(
    hybrid,
    path,
    calibration=(images[second], y[second]),
    example=images[new],
    random_state=0,
)
print(report)
print(sorted(file.name for file in path.iterdir()))

# %%
# The artefact decides
# --------------------
# ``EdgeClassifier`` runs the C code on this machine, with the methods of a classifier.

edge = EdgeClassifier(path)
answer = edge.answer(images[new])
asked = answer["queried"]
together = np.where(asked, cloud.predict(images[new]), answer["label"])
print(f"coverage        {1 - asked.mean():.3f}")
print(f"net in floats   {base.score(images[new], y[new]):.3f}")
print(f"net in int8     {(answer['label'] == y[new]).mean():.3f}")
print(f"with the cloud  {(together == y[new]).mean():.3f}")

# %%
# What goes to the cloud
# ----------------------

order = np.argsort(answer["score"])
shown = np.r_[order[:6], order[-6:]]
figure, axes = plt.subplots(2, 6, figsize=(7, 2.9), layout="constrained")
figure.suptitle("Most confident inputs (top), and inputs sent to the cloud (bottom)")
for ax, i in zip(axes.flat, shown, strict=True):
    ax.imshow(images[new][i, 0], cmap="Greys")
    ax.set(xticks=[], yticks=[], xlabel=f"says {answer['label'][i]}")
plt.show()
folder.cleanup()
