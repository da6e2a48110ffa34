"""The global's answers to labelled rows, for a fit or a report: latency is no issue."""

from dataclasses import replace

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._models.answers import Answers, ask
from selective_query._models.replies import ask_each, asks_by_row
from selective_query._utils.validation import num_samples, warn_user
from selective_query.exceptions import UnavailableWarning

# With fewer answers, the result would describe other rows than those given.
LEAST_SHARE = 0.5
# One answer is enough for figures that report how many are missing.
NOT_NONE = 1e-9


def ask_to_judge(
    model, X, classes, asked=None, who="global_estimator", *, least=LEAST_SHARE
):
    """Query the global about rows that may be sent; report which got no answer.

    A remote model is queried patiently: it may pause between attempts and wait for an
    open circuit breaker.

    Parameters
    ----------
    model : fitted classifier
    X : array-like of length n_samples
    classes : ndarray of shape (n_classes,)
    asked : ndarray of shape (n_samples,), bool, or None
        Rows to query; None means all.
    who : str
    least : float
        Share of the queried rows that must be answered.

    Returns
    -------
    answers : Answers
        For all rows; meaningless where no query was sent or no answer came.
    missing : ndarray of shape (n_samples,), bool
        Rows that were queried but got no answer.

    Raises
    ------
    GlobalUnavailableError
        If a smaller share was answered.
    """
    n = num_samples(X)
    rows = np.arange(n) if asked is None else np.flatnonzero(asked)
    missing = np.zeros(n, dtype=bool)
    if not len(rows):
        return _no_answers(n, classes), missing
    some = X if len(rows) == n else _safe_indexing(X, rows)
    if not asks_by_row(model):
        return _expanded(ask(model, some, classes, who=who), rows, n), missing
    answers, replies = ask_each(model, some, classes, who, patient=True)
    came = replies.came
    if not came.all():
        if came.mean() < least:
            replies.raise_failure()
        missing[rows[~came]] = True
        _warn_of_missing(replies, who)
    return _expanded(answers, rows, n), missing


def ask_where(ask_some, X, rows, before):
    """Answers of a tier to some rows, filled up with those of the previous tier.

    Parameters
    ----------
    ask_some : callable
        Maps rows of X to Answers.
    X : array-like of length n_samples
    rows : ndarray of shape (n_samples,), bool
        Rows that may be sent to this tier.
    before : Answers
        Answers of the previous tier to all rows.

    Returns
    -------
    Answers
        Features and logits are zero in rows that were not sent.
    """
    if rows.all():
        return ask_some(X)
    if not rows.any():
        return replace(before, features=None, logits=None)
    some = ask_some(_safe_indexing(X, np.flatnonzero(rows)))
    parts = {}
    for name in ("proba", "features", "logits"):
        part = getattr(some, name)
        if part is not None:
            parts[name] = np.zeros((len(rows), part.shape[1]), dtype=part.dtype)
            parts[name][rows] = part
    if some.proba is None:
        predicted = np.zeros(len(rows), dtype=int)
        predicted[rows] = some.label
        return stand_in(Answers(None, **parts, predicted=predicted), before, ~rows)
    found = stand_in(Answers(**parts), before, ~rows)
    return replace(found, features=parts.get("features"), logits=parts.get("logits"))


def stand_in(answers, other, rows):
    """Replace the answers in the masked rows with those of another model."""
    if not rows.any():
        return answers
    if answers.proba is None:
        return Answers(None, predicted=np.where(rows, other.label, answers.label))
    return Answers(np.where(rows[:, None], other.proba, answers.proba))


def _no_answers(n, classes):
    return Answers(np.zeros((n, len(classes))))


def _expanded(answers, rows, n):
    """Expand answers to some rows to all n rows, with zeros elsewhere."""
    if len(rows) == n:
        return answers
    if answers.proba is None:
        predicted = np.zeros(n, dtype=int)
        predicted[rows] = answers.label
        return Answers(None, predicted=predicted)
    proba = np.zeros((n, answers.proba.shape[1]))
    proba[rows] = answers.proba
    return Answers(proba)


def _warn_of_missing(replies, who):
    failed = replies.failure[~replies.came]
    reasons, counts = np.unique([error.reason for error in failed], return_counts=True)
    told = ", ".join(f"{r} {c}" for r, c in zip(reasons, counts, strict=True))
    warn_user(
        f"{who} gave no answer about {len(failed)} of {len(replies.failure)} rows that "
        f"were sent to it ({told}). They are left out of its figures. The first: "
        f"{failed[0]}",
        UnavailableWarning,
    )
