"""An exported artefact behind scikit-learn's interface, without scikit-learn."""

import os
from pathlib import Path

import numpy as np

from selective_query.export._c.runtime import CRunner
from selective_query.export._onnx.runtime import OnnxRunner


class EdgeClassifier:
    """Run an exported classifier: its answers, and whether they are enough.

    It needs numpy, and onnxruntime or a C compiler; neither scikit-learn nor torch.
    Where scikit-learn is, it is a fitted base as well, and
    ``hybrid.with_base(EdgeClassifier(path), X, y)`` learns and certifies the threshold
    on the very thing that will run.

    Parameters
    ----------
    path : str or path-like
        An ONNX file that :func:`export_onnx` wrote of a classifier, or a folder of
        :func:`export_c`, which is compiled by this machine's C compiler.
    n_threads : int, default=1
        Threads of an operation; small models are quickest with one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    facts_ : dict
        What the artefact says of itself: ``version``, ``router``, ``budget``,
        ``coverage`` on the calibration rows, ``certificate``, ``threshold``, ...

    Notes
    -----
    The file is opened when it is first needed, and again once another one has taken its
    place; where it is gone, what was opened still answers. A pickle holds the path
    alone.

    Examples
    --------
    >>> from selective_query.export import EdgeClassifier
    >>> edge = EdgeClassifier("edge.onnx")
    >>> edge.predict([[0.5, 1.5]])  # doctest: +SKIP
    """

    _estimator_type = "classifier"

    def __init__(self, path, *, n_threads=1):
        self.path = path
        self.n_threads = n_threads

    def fit(self, X=None, y=None):
        """Do nothing: an artefact is fitted. It stands for scikit-learn's sake.

        Parameters
        ----------
        X : object, default=None
            Not used.
        y : object, default=None
            Not used.

        Returns
        -------
        self
        """
        return self

    def predict(self, X):
        """Labels of the base, whether or not they are enough.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            When X has other columns, or holds what the artefact cannot read.
        """
        return self._answers(X)["label"].astype(self.classes_.dtype)

    def predict_proba(self, X):
        """Class probabilities of the base.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Those of single precision; of each row the largest is what the others leave
            of 1, so that doubt is not lost where it rounds to 1.
        """
        proba = self._answers(X)["probabilities"].astype(float)
        largest = np.arange(proba.shape[1]) == proba.argmax(axis=1)[:, None]
        others = np.where(largest, 0, proba)
        return np.where(largest, 1 - others.sum(axis=1, keepdims=True), others)

    @property
    def decision_function(self):
        """The base's logits, shape (n_samples, n_classes), where the router reads them.

        Raises
        ------
        AttributeError
            When it does not, so that the artefact does not tell them.
        """
        if "logits" not in self._runner.outputs:
            raise AttributeError(f"{self.path} does not tell the logits of its base.")
        return lambda X: self._answers(X)["logits"]

    def read_layer(self, X, name):
        """What a layer of the base's net puts out, where the router reads it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        name : str

        Returns
        -------
        ndarray of shape (n_samples, n_channels)

        Raises
        ------
        ValueError
            When the artefact tells another layer, or none.
        """
        known = self.facts_["reads"] if "features" in self._runner.outputs else None
        if name != known:
            raise ValueError(
                f"{self.path} does not tell the layer {name!r} of its base. It tells "
                f"{known!r}."
            )
        return self._answers(X)["features"]

    def decide(self, X, *, group=None, local_only=None):
        """Whether the base answers, row by row.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        group : array-like of shape (n_samples,), optional
            Group of each row, where the rule has thresholds by group. A column of a
            frame X is read by itself where the budget named it.
        local_only : array-like of shape (n_samples,), bool, optional
            Rows that must stay with the base, where the rule knows of such; likewise.

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers, False where the global is to be queried.

        Raises
        ------
        ValueError
            When the rule reads a group, or rows that must stay, and none is given; or a
            group is one that no calibration row belonged to.
        """
        return ~self._decided(X, group, local_only)["queried"]

    def query_score(self, X, *, local_only=None):
        """How much the router thinks a query would gain.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        local_only : array-like of shape (n_samples,), bool, optional

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Higher means query first; minus infinity where a row must stay.
        """
        local_only = _column(self._runner, X, "local_only", local_only)
        return self._answers(X, local_only=local_only)["score"]

    def answer(self, X, *, group=None, local_only=None):
        """Label, probabilities, decision and score at once, by one run.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        group : array-like of shape (n_samples,), optional
            As in `decide`.
        local_only : array-like of shape (n_samples,), bool, optional
            As in `decide`.

        Returns
        -------
        dict
            ``label``, ``probabilities``, ``queried`` and ``score``.
        """
        return self._decided(X, group, local_only)

    def _decided(self, X, group, local_only):
        runner = self._runner
        asked = {
            "group": _column(runner, X, "group", group),
            "local_only": _column(runner, X, "local_only", local_only),
        }
        for name, values in asked.items():
            if values is None and runner.reads(name):
                raise ValueError(
                    f"{name} must be given: the rule of {self.path} reads it of each "
                    "row."
                )
        return self._answers(X, **asked)

    def _answers(self, X, **asked):
        answers = self._runner.run(X, **asked)
        lost = ~np.isfinite(answers["probabilities"]).all(axis=1)
        lost |= np.isnan(answers["score"])
        if lost.any():
            raise ValueError(
                f"Row {int(lost.argmax())} is refused: a number on the way is NaN or "
                "infinite in single precision. Drop such rows, or repair them."
            )
        return answers

    @property
    def _runner(self):
        opened, stamp = vars(self).get("_opened"), _stamp(self.path)
        key = self.path, self.n_threads, stamp
        if opened is None or (stamp is not None and opened[0] != key):
            opened = key, _open(self.path, self.n_threads)
            self._opened = opened
        return opened[1]

    @property
    def classes_(self):
        """Labels in the order of the columns of `predict_proba`."""
        return np.array(self.facts_["classes"])

    @property
    def facts_(self):
        """What the artefact says of itself."""
        return self._runner.facts

    @property
    def n_features_in_(self):
        """Number of columns of X."""
        found = self.facts_["n_features"]
        if found is None:
            raise AttributeError(f"{self.path} does not tell n_features_in_.")
        return found

    def get_params(self, deep=True):
        """Parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Not used.

        Returns
        -------
        dict
        """
        return {"path": self.path, "n_threads": self.n_threads}

    def set_params(self, **parameters):
        """Set parameters by name.

        Parameters
        ----------
        **parameters : str, path-like or int
            New ``path``, ``n_threads``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When another name is given.
        """
        unknown = sorted(parameters.keys() - self.get_params().keys())
        if unknown:
            raise ValueError(f"EdgeClassifier has path and n_threads. Got {unknown}.")
        vars(self).update(parameters)
        return self

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(allow_nan=self.facts_["inputs"]["allow_nan"]),
        )

    def __getstate__(self):
        return {name: vars(self)[name] for name in ("path", "n_threads")}

    def __repr__(self):
        return f"EdgeClassifier({str(self.path)!r})"


def _column(runner, X, name, given):
    """What is given, or the column of X that the budget named."""
    column = runner.facts["columns"].get(name)
    if given is None and column is not None and column in getattr(X, "columns", ()):
        return np.asarray(X[column])
    return given


def _stamp(path):
    """What changes where an artefact is replaced; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _open(path, n_threads):
    if not isinstance(n_threads, int) or n_threads < 1:
        raise ValueError(f"n_threads must be a whole number >= 1. Got {n_threads!r}.")
    is_folder = Path(path).is_dir()
    runner = CRunner(path) if is_folder else OnnxRunner(path, n_threads)
    if runner.inputs is None:
        raise ValueError(
            f"{path} holds a rule alone, without a base, and is fed what a base put "
            "out. Call it as it is, or export the classifier."
        )
    return runner


__all__ = ["EdgeClassifier"]
