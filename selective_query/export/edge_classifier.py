"""EdgeClassifier: run an exported artefact through scikit-learn's interface."""

import os
from pathlib import Path

import numpy as np

from selective_query.export._c.runtime import CRunner
from selective_query.export._onnx.runtime import OnnxRunner


class EdgeClassifier:
    """Run an exported classifier: its answers and its decisions.

    It needs NumPy and either onnxruntime or a C compiler, but neither scikit-learn nor
    torch. With scikit-learn installed, it also serves as a fitted base:
    ``hybrid.with_base(EdgeClassifier(path), X, y)`` fits and certifies the threshold on
    the artefact that will be deployed.

    Parameters
    ----------
    path : str or path-like
        An ONNX file of a classifier, written by :func:`export_onnx`, or a folder
        written by :func:`export_c`, which this machine's C compiler compiles.
    n_threads : int, default=1
        Threads per operation; small models are fastest with one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    facts_ : dict
        Metadata of the artefact: ``version``, ``router``, ``budget``, ``coverage`` on
        the calibration rows, ``certificate``, ``threshold``, ...

    Notes
    -----
    The file is opened on first use, and again after it is replaced; if it is deleted,
    the open copy keeps working. A pickle contains only the parameters.

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
        """Do nothing: an artefact is already fitted. Exists for scikit-learn.

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
        """Predict labels with the base, ignoring the rule.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If X has other columns, or values that the artefact cannot read.
        """
        return self._answers(X)["label"].astype(self.classes_.dtype)

    def predict_proba(self, X):
        """Predict class probabilities with the base.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In single precision, except the largest of each row: it is 1 minus the sum
            of the others, so that small uncertainties survive rounding to 1.
        """
        proba = self._answers(X)["probabilities"].astype(float)
        largest = np.arange(proba.shape[1]) == proba.argmax(axis=1)[:, None]
        others = np.where(largest, 0, proba)
        return np.where(largest, 1 - others.sum(axis=1, keepdims=True), others)

    @property
    def decision_function(self):
        """Function of X that returns the base's logits, if the router reads them.

        The logits are of shape (n_samples, n_classes).

        Raises
        ------
        AttributeError
            If the router does not read them, so that the artefact has no such output.
        """
        if "logits" not in self._runner.outputs:
            raise AttributeError(f"{self.path} does not return the logits of its base.")
        return lambda X: self._answers(X)["logits"]

    def read_layer(self, X, name):
        """Return the outputs of a layer of the base's net, if the router reads it.

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
            If the artefact returns another layer, or none.
        """
        known = self.facts_["reads"] if "features" in self._runner.outputs else None
        if name != known:
            raise ValueError(
                f"{self.path} does not return the layer {name!r} of its base. It "
                f"returns {known!r}."
            )
        return self._answers(X)["features"]

    def decide(self, X, *, group=None, local_only=None):
        """Return whether the base answers, per row.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        group : array-like of shape (n_samples,), optional
            Group of each row, if the rule has thresholds by group. If X is a data frame
            and the budget named a column, the group is read from it.
        local_only : array-like of shape (n_samples,), bool, optional
            Rows that must not be queried, if the rule reads such a column; also read
            from a data frame.

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers, False where the global must be queried.

        Raises
        ------
        ValueError
            If the rule reads `group` or `local_only` and it is not given; or when no
            calibration row belonged to a group.
        """
        return ~self._decided(X, group, local_only)["queried"]

    def query_score(self, X, *, local_only=None):
        """Return the router's score: its estimate of the gain of a query.

        Parameters
        ----------
        X : array-like, data frame or list of texts of length n_samples
        local_only : array-like of shape (n_samples,), bool, optional

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Higher means query first; minus infinity where `local_only` is True.
        """
        local_only = _column(self._runner, X, "local_only", local_only)
        return self._answers(X, local_only=local_only)["score"]

    def answer(self, X, *, group=None, local_only=None):
        """Return label, probabilities, decision and score from a single run.

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
                    f"{name} must be given: the rule of {self.path} reads it for each "
                    "row."
                )
        return self._answers(X, **asked)

    def _answers(self, X, **asked):
        answers = self._runner.run(X, **asked)
        lost = ~np.isfinite(answers["probabilities"]).all(axis=1)
        lost |= np.isnan(answers["score"])
        if lost.any():
            raise ValueError(
                f"Row {int(lost.argmax())} is refused: an intermediate value is NaN or "
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
        """Metadata of the artefact."""
        return self._runner.facts

    @property
    def n_features_in_(self):
        """Number of columns of X."""
        found = self.facts_["n_features"]
        if found is None:
            raise AttributeError(f"{self.path} does not contain n_features_in_.")
        return found

    def get_params(self, deep=True):
        """Return the parameters by name.

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
            If another name is given.
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
    """Return the given values, or else the column of X that the budget named."""
    column = runner.facts["columns"].get(name)
    if given is None and column is not None and column in getattr(X, "columns", ()):
        return np.asarray(X[column])
    return given


def _stamp(path):
    """Return a stamp that changes when the artefact is replaced; None if missing."""
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
            f"{path} holds a rule alone, without a base, and takes a base's outputs. "
            "Run it directly, or export the classifier."
        )
    return runner


__all__ = ["EdgeClassifier"]
