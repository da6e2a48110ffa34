"""
Can the base decide in a browser?
=================================

This program exports the edge half of a hybrid as one ONNX file, and the page below runs
it: draw a digit, and see what the base answers and whether it would query the cloud. No
data leave the page.

`Draw a digit <#in-browser>`_, or first read how the page was made.
"""

# %%
# A hybrid for the digits of scikit-learn
# ---------------------------------------
# The base is a logistic regression, the global a support vector machine. Half of the
# digits are held out. The score of this router is one minus the largest probability.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from selective_query import HybridClassifier
from selective_query.export import EdgeClassifier, export_onnx, set_operating_point

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
base = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000))
hybrid = HybridClassifier(base, SVC(), router="max_probability", coverage=0.8)
hybrid.fit(X, y)
print(hybrid.operating_point_)

# %%
# One file that decides
# ---------------------
# It contains the scaler, the regression, the router and the threshold. The report
# compares it with the hybrid on the held-out digits.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.onnx"
print(export_onnx(hybrid, path, example=X_new))
print(f"{path.stat().st_size} bytes")

# %%
# Its threshold can be moved
# --------------------------
# The thresholds come from the training half. Coverage and accuracy are measured on the
# held-out half, with the decisions of the file; accuracy is that of base and global
# together.

asked = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
cloud = hybrid.global_estimator_.predict(X_new)
points = []
for coverage in asked:
    set_operating_point(path, hybrid.at(coverage))
    edge = EdgeClassifier(path)
    answer = edge.answer(X_new)
    together = np.where(answer["queried"], cloud, answer["label"])
    points.append(
        {
            "asked": coverage,
            "threshold": edge.facts_["threshold"][0],
            "coverage": 1 - answer["queried"].mean(),
            "accuracy": (together == y_new).mean(),
        }
    )

print("asked   threshold  coverage  accuracy")
for point in points:
    print(
        "{asked:<8.2f}{threshold:9.4f}{coverage:10.3f}{accuracy:10.3f}".format(**point)
    )
set_operating_point(path, hybrid)

# %%
# Held-out digits from certain to uncertain
# -----------------------------------------
# Twelve of them, spread evenly over the ranking by score. A red frame marks those that
# are sent to the cloud.

edge = EdgeClassifier(path)
answer = edge.answer(X_new)
order = np.argsort(answer["score"])
chosen = order[np.linspace(0, len(order) - 1, 12).astype(int)]

figure, axes = plt.subplots(2, 6, figsize=(7, 3), layout="constrained")
for ax, i in zip(axes.flat, chosen, strict=True):
    ax.imshow(X_new[i].reshape(8, 8), cmap="Greys")
    ax.set(
        xticks=[], yticks=[], title=f"{answer['label'][i]}: {answer['score'][i]:.3f}"
    )
    ax.spines[:].set(color="tab:red", linewidth=3, visible=bool(answer["queried"][i]))
plt.show()

# %%
# Draw one yourself
# -----------------
# The page runs this very file, in `onnxruntime-web
# <https://onnxruntime.ai/docs/get-started/with-javascript/web.html>`_. A drawing is
# scaled to the height of the bitmaps that the data set was made from, given the same
# amount of ink as its digits, and counted in blocks of 4 by 4 as they were. Still, your
# handwriting and pen differ from theirs: coverage and accuracy are those of held-out
# digits, and need not hold for drawn ones. The stored digits are the twelve above.

in_browser = {
    "model": path.read_bytes(),
    "points": points,
    "start": asked.index(hybrid.coverage),
    "rows": len(y_new),
    "ink": round(X.sum(axis=1).mean()),
    "samples": [
        {
            "pixels": X_new[i].astype(int).tolist(),
            "truth": int(y_new[i]),
            "cloud": int(cloud[i]),
        }
        for i in chosen
    ],
}
folder.cleanup()
