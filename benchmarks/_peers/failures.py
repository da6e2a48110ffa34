"""What happens on awkward input: is it refused, handled correctly, or silently wrong?

Every case is a job and a check of the result. A check returns "" if the result is
right, otherwise a description of the fault.
"""

import warnings
from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from _peers.jobs import Job, SavedAnswers

NAMES = np.array([f"digit {i}" for i in range(9)] + ["the digit nine"])
TOLERANCE = 0.1  # of the coverage, if ties allow better
SLACK = 0.02  # shortfall of the coverage that is allowed without a warning


def _digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def _models():
    return LogisticRegression(max_iter=300), ExtraTreesClassifier(10, random_state=0)


def _labels_are_of(y):
    def check(adapter, X, warned):
        found = adapter.predict(X)
        if np.shape(found) != (len(X),):
            return f"labels of shape {np.shape(found)} for {len(X)} rows"
        strange = sorted(set(np.asarray(found).tolist()) - set(y.tolist()))
        return f"labels that no model knows, such as {strange[0]!r}" if strange else ""

    return check


def _coverage(adapter, X, warned):
    found = float(np.mean(adapter.kept(X)))
    off = found - 0.8
    if off < -SLACK or (off > TOLERANCE and not warned):
        return f"coverage {found:.2f}, no warning" if not warned else f"{found:.2f}"
    return ""


def few_leaves(n_rows):
    X, y = _digits()
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    return Job(tree, _models()[1], X[:n_rows], y[:n_rows]), X[n_rows:], _coverage


def constant_scores():
    X, y = _digits()
    return Job(DummyClassifier(), _models()[1], X[:600], y[:600]), X[600:], _coverage


def text_labels():
    X, y = _digits()
    y = NAMES[y]
    return Job(*_models(), X[:600], y[:600]), X[600:], _labels_are_of(y)


def labels_from_one():
    X, y = _digits()
    y = y + 1
    return Job(*_models(), X[:600], y[:600]), X[600:], _labels_are_of(y)


def thirty_rows():
    X, y = _digits()
    few = np.flatnonzero(y < 3)
    X, y = X[few], y[few]
    return Job(*_models(), X[:30], y[:30]), X[30:], _labels_are_of(y)


def one_row():
    X, y = _digits()

    def check(adapter, rows, warned):
        alone = [adapter.kept(rows[i : i + 1])[0] for i in range(20)]
        if not np.array_equal(alone, adapter.kept(rows[:20])):
            return "another decision than in a batch"
        return _labels_are_of(y)(adapter, rows[:1], warned)

    return Job(*_models(), X[:600], y[:600]), X[600:], check


def fewer_classes():
    """A frozen base that knows three classes fewer, with shorter names."""
    X, y = _digits()
    y = NAMES[y]
    base, global_ = _models()
    known = np.flatnonzero(~np.isin(y[:500], NAMES[7:]))
    base.fit(X[known], np.array(y[known].tolist()))  # text as wide as its own names
    global_.fit(X[:500], y[:500])
    job = Job(FrozenEstimator(base), FrozenEstimator(global_), X[500:1200],
              y[500:1200], frozen=True)  # fmt: skip

    def check(adapter, rows, warned):
        wrong = _labels_are_of(y)(adapter, rows, warned)
        if wrong:
            return wrong
        queried = ~adapter.kept(rows)
        expected = np.where(queried, global_.predict(rows), base.predict(rows))
        same = np.mean(adapter.predict(rows) == expected)
        return "" if same == 1 else f"{1 - same:.0%} of the labels are of other classes"

    return job, X[1200:], check


def nan_scores():
    """The base's probabilities of a new row are NaN."""
    classes = (0, 1, 2)
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.dirichlet([1, 1, 1], 400) for _ in range(2)], axis=1)
    y = X[:, 3:].argmax(axis=1)
    job = Job(FrozenEstimator(SavedAnswers(0, classes)),
              FrozenEstimator(SavedAnswers(3, classes)),
              X[:300], y[:300], frozen=True, n_classes=3)  # fmt: skip
    new = X[300:].copy()
    new[0, :3] = np.nan

    def check(adapter, rows, warned):
        return "kept, as if it were sure" if adapter.kept(rows)[0] else ""

    return job, new, check


CASES = {
    "few leaves, 600 rows": partial(few_leaves, 600),
    "few leaves, 900 rows": partial(few_leaves, 900),
    "constant scores": constant_scores,
    "text labels": text_labels,
    "labels from 1": labels_from_one,
    "30 rows": thirty_rows,
    "one row": one_row,
    "fewer classes": fewer_classes,
    "NaN from the base": nan_scores,
}
REFUSAL_IS_RIGHT = {"NaN from the base"}


def judge(adapter, case):
    """Return the ``verdict`` and a description of what happened."""
    job, X, check = CASES[case]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            adapter.fit(job)
            wrong = check(adapter, X, any(map(_concerns_coverage, caught)))
        except Exception as error:
            refused = case in REFUSAL_IS_RIGHT
            said = f"{type(error).__name__}: {error}".split("\n")[0][:100]
            return {
                "verdict": "refused" if refused else "crashed",
                "what": f"``{said.rstrip(': ')}``",  # in code font
            }
    warned = any(map(_concerns_coverage, caught))
    if wrong:
        return {
            "verdict": "wrong, warned" if warned else "silently wrong",
            "what": wrong,
        }
    return {"verdict": "right, warned" if warned else "right", "what": ""}


def _concerns_coverage(warning):
    return "overage" in str(warning.message)
