"""The reply to each row that the global was queried about, or the reason for none."""

import copy
import time
from dataclasses import dataclass, replace

import numpy as np
from sklearn.frozen import FrozenEstimator

from selective_query._models.answers import (
    Answers,
    check_has_classes,
    shaped_labels,
    shaped_probabilities,
)
from selective_query._utils.validation import align_proba, num_samples
from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    TooLateError,
    UnreachableError,
)
from selective_query.outcomes.probabilities import MODEL_TOLERANCE, check_distributions

REASON = "U12"


@dataclass(frozen=True, eq=False)
class Replies:
    """Replies, row by row.

    Parameters
    ----------
    values : ndarray of shape (n_samples,) or (n_samples, n_classes), or None
        Labels or probabilities; meaningless in rows that failed, and None if all
        failed.
    failure : ndarray of shape (n_samples,) of object
        None where an answer came, otherwise a `GlobalUnavailableError`.
    attempts : ndarray of shape (n_samples,) of int
    latency_ms : ndarray of shape (n_samples,)
        Time from the call until the answer or the failure was known.
    """

    values: np.ndarray | None
    failure: np.ndarray
    attempts: np.ndarray
    latency_ms: np.ndarray

    @classmethod
    def at_once(cls, values, failure, latency_ms, attempts=1):
        """Replies for rows that were sent and answered together."""
        n = len(failure)
        return cls(values, failure, np.full(n, attempts), np.full(n, latency_ms))

    @property
    def came(self):
        """Whether an answer came, shape (n_samples,)."""
        return np.equal(self.failure, None)

    def raise_failure(self):
        """Raise the first failure, if any, with all replies attached.

        Raises
        ------
        GlobalUnavailableError
        """
        failed = np.flatnonzero(~self.came)
        if not len(failed):
            return
        first = self.failure[failed[0]]
        # A copy: the error in `failure` must not refer to the Replies that contain it.
        error = copy.copy(first)
        error.replies = self
        if len(self.failure) > 1:
            error.args = (
                f"No answer about {len(failed)} of {len(self.failure)} rows; what came "
                f"of each is in the `replies` of this error. The first: {first}",
                *error.args[1:],
            )
        raise error from first.__cause__


def reasons(failure):
    """The reason of each failure, or "" where an answer came."""
    told = ["" if error is None else error.reason for error in failure]
    return np.array(told, dtype=REASON)


def asks_by_row(model):
    """Whether a model is remote and reports its replies row by row."""
    return hasattr(_unwrapped(model), "ask_rows")


def _unwrapped(model):
    return model.estimator if isinstance(model, FrozenEstimator) else model


def ask_each(model, X, classes, who="global_estimator", **manner):
    """Query as `ask` does, but return each row's failure instead of raising it.

    Parameters
    ----------
    model : fitted classifier
        A remote model has ``ask_rows(X, **manner)``, which returns `Replies` and does
        not raise when the global is unavailable. For other models, a lost connection or
        a timeout fails all rows of X; any other exception is an error in the model or
        in X, and is raised.
    X : array-like of length n_samples
    classes : ndarray of shape (n_classes,)
    who : str
    **manner
        Keyword arguments for ``ask_rows`` of a remote model.

    Returns
    -------
    answers : Answers
        In the columns of `classes`; zero where no answer came.
    replies : Replies
    """
    if not asks_by_row(model):
        replies, known = _ask_together(model, X, classes, who)
        return _aligned(replies, known, classes, X, who)
    inner = _unwrapped(model)
    replies, known = inner.ask_rows(X, **manner), None
    if replies.values is not None:
        known = inner.classes_
    if replies.values is not None and replies.values.ndim == 1:
        values, strange = usable_labels(replies.values, classes, X, who)
        failure = np.where(replies.came, strange, replies.failure)
        replies = replace(replies, values=values, failure=failure)
    return _aligned(replies, known, classes, X, who)


def _ask_together(model, X, classes, who):
    start, known = time.perf_counter(), classes
    try:
        if hasattr(model, "predict_proba"):
            check_has_classes(model, who)
            known = np.asarray(model.classes_)
            values, failure = usable(model.predict_proba(X), known, X, who)
        else:
            values, failure = usable_labels(model.predict(X), classes, X, who)
    except GlobalUnavailableError as error:
        values, failure = None, all_failed(error, X)
    except TimeoutError as error:
        values, failure = None, all_failed(TooLateError(f"{who}: {error}"), X)
    except ConnectionError as error:
        values, failure = None, all_failed(UnreachableError(f"{who}: {error}"), X)
    elapsed = 1000 * (time.perf_counter() - start)
    return Replies.at_once(values, failure, elapsed), known


def all_failed(error, X):
    """Repeat one failure for each row of X."""
    failure = np.empty(num_samples(X), dtype=object)
    failure[:] = error
    return failure


def usable(proba, known, X, who):
    """Check probabilities, and mark the rows that are not distributions.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes) or None
        None if the shape is wrong, so that rows cannot be matched.
    failure : ndarray of shape (n_samples,) of object
    """
    name, failure = f"{who}.predict_proba(X)", all_failed(None, X)
    try:
        proba = shaped_probabilities(proba, known, X, name)
        if proba.dtype.kind == "c":
            raise TypeError(f"{name} must be real numbers. Got {proba.dtype}.")
        proba = proba.astype(float, copy=False)
    except (TypeError, ValueError) as error:
        return None, all_failed(BadAnswerError(str(error)), X)
    with np.errstate(invalid="ignore", over="ignore"):
        total = proba.sum(axis=1)
        right = (proba >= 0).all(axis=1) & (np.abs(total - 1) <= MODEL_TOLERANCE)
    for row in np.flatnonzero(~right):
        shown = np.array2string(proba[row], threshold=6, precision=3)
        failure[row] = BadAnswerError(f"{name} is no distribution: {shown}.")
    proba = np.where(right[:, None], proba, 0)
    proba[right] = check_distributions(proba[right], name, MODEL_TOLERANCE)
    return proba, failure


def usable_labels(labels, known, X, who):
    """Check labels, and mark the rows whose label is unknown; as `usable`."""
    name, failure = f"{who}.predict(X)", all_failed(None, X)
    try:
        labels = shaped_labels(labels, X, name)
    except (TypeError, ValueError) as error:
        return None, all_failed(BadAnswerError(str(error)), X)
    places = {label: place for place, label in enumerate(known.tolist())}
    place = [_place_of(label, places) for label in labels.tolist()]
    for row in [row for row, found in enumerate(place) if found is None]:
        failure[row] = BadAnswerError(
            f"{name} is {str(labels[row])[:60]!r}, which is none of the classes "
            f"{known[:10].tolist()}."
        )
    return known[np.array([found or 0 for found in place], dtype=int)], failure


def _place_of(label, places):
    try:
        return places.get(label)
    except TypeError:  # an unhashable label, such as a list
        return None


def _aligned(replies, known, classes, X, who):
    """Align to the columns of `classes`; columns of other labels fail every row."""
    values, n = replies.values, len(replies.failure)
    if values is not None and values.ndim == 1:
        predicted = np.searchsorted(classes, values)
        return Answers(None, predicted=predicted), replies
    if values is not None:
        try:
            return Answers(align_proba(values, known, classes, who)), replies
        except ValueError as error:
            strange = all_failed(BadAnswerError(str(error)), X)
            failure = np.where(replies.came, strange, replies.failure)
            replies = replace(replies, values=None, failure=failure)
    nothing = Answers(np.zeros((n, len(classes))), predicted=np.zeros(n, dtype=int))
    return nothing, replies
