"""Evaluate a model on data larger than memory."""

from functools import partial, reduce
from operator import add

from sklearn.utils.validation import check_is_fitted

from selective_query._utils.parallel import in_waves
from selective_query.classifiers import CascadeClassifier
from selective_query.classifiers._deciding import decided_rows
from selective_query.classifiers._selective import BaseSelectiveClassifier
from selective_query.metrics._chain_tally import ChainTally
from selective_query.metrics._tally import Tally
from selective_query.metrics.running_curve import RunningCurve
from selective_query.scale._cutting import chunks_of, labelled


def report_in_chunks(
    model,
    X,
    y=None,
    *,
    query_all=False,
    sample_weight=None,
    chunk_rows=10_000,
    n_jobs=None,
):
    """``model.report`` on data larger than memory.

    Parameters
    ----------
    model : HybridClassifier, AbstainingClassifier or CascadeClassifier
        Fitted.
    X : array-like, memory map, sparse matrix, DataFrame, list or iterable
        Rows that are new to the model, to be split into chunks; or an iterable of
        chunks, each a tuple (X, y) or (X, y, sample_weight), or a list as a torch
        DataLoader yields it.
    y : array-like of shape (n_samples,), optional
        Only if X is split.
    query_all : bool, default=False
        Whether to query the global about every row that may be sent, for
        ``global_accuracy``. A chain queries its tiers only about the rows that reach
        them.
    sample_weight : array-like of shape (n_samples,), optional
        Only if X is split.
    chunk_rows : int, default=10_000
        Number of rows in a chunk, if X is split.
    n_jobs : int or None, default=None
        Number of parallel chunks, for joblib, with the backend of
        ``joblib.parallel_config``.

    Returns
    -------
    Bunch
        As from ``model.report``: the same figures to the last digit if weights are
        absent or whole numbers, otherwise up to rounding. A chunk without any answer of
        the global does not stop the report.

    Raises
    ------
    ValueError
        If a parameter is out of range, lengths differ, a label is missing or of another
        kind than the classes, or there is no y.
    TypeError
        If the model has another type.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AbstainingClassifier
    >>> from selective_query.scale import report_in_chunks
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AbstainingClassifier(GaussianNB(), coverage=0.9).fit(X[::2], y[::2])
    >>> report_in_chunks(model, X[1::2], y[1::2], chunk_rows=7).n_queried
    4
    """
    if isinstance(model, CascadeClassifier):
        return _report_of_chain(
            model, chunks_of(X, y, sample_weight, chunk_rows), query_all, n_jobs
        )
    _check_model(model)
    chunks = chunks_of(X, y, sample_weight, chunk_rows)
    total = sum(in_waves(partial(_tally, model, query_all), chunks, n_jobs), Tally())
    if total.n:
        _refuse_no_weight(total.weight)
    return total.report()


def _report_of_chain(model, chunks, query_all, n_jobs):
    check_is_fitted(model, "policy_")
    if query_all:
        raise ValueError(
            "query_all= asks a global about every row, and a chain has several. Take "
            "model.outcomes(X, y) for what every tier says of every row."
        )
    nothing = ChainTally.none(len(model.estimators_))
    total = reduce(add, in_waves(partial(_chain_tally, model), chunks, n_jobs), nothing)
    if total.n_asked[0]:
        _refuse_no_weight(total.asked[0])
    return total.report(model.costs)


def _refuse_no_weight(weight):
    if not weight:
        raise ValueError(
            "sample_weight must not be zero for all rows. Leave it out to count each "
            "row once."
        )


def _check_model(model):
    if not isinstance(model, BaseSelectiveClassifier):
        raise TypeError(
            "model must be a fitted HybridClassifier or AbstainingClassifier; a "
            "CascadeClassifier has a report_in_chunks, and no curve. Got "
            f"{type(model).__name__}."
        )
    check_is_fitted(model, "policy_")


def _chain_tally(model, chunk):
    chunk = labelled(chunk)
    return model._tally(chunk.X, chunk.y, chunk.sample_weight, may_vanish=True)


def _tally(model, query_all, chunk):
    chunk = labelled(chunk)
    rows = chunk.X, chunk.y, chunk.sample_weight
    options = {"query_all": query_all, "may_vanish": True}
    return decided_rows(model, *rows, **options)[0].tally()


def curve_in_chunks(
    model,
    X,
    y=None,
    *,
    sample_weight=None,
    max_points=100_000,
    chunk_rows=10_000,
    n_jobs=None,
):
    """The accuracy-coverage curve of a model on data larger than memory.

    The global is queried about every row that may be sent; rows that it failed to
    answer are left out, with a warning.

    Parameters
    ----------
    model : HybridClassifier or AbstainingClassifier
        Fitted.
    X : array-like, memory map, sparse matrix, DataFrame, list or iterable
        Rows that are new to the model, or an iterable of chunks; see
        :func:`report_in_chunks`.
    y : array-like of shape (n_samples,), optional
        Only if X is split.
    sample_weight : array-like of shape (n_samples,), optional
        Only if X is split.
    max_points : int, default=100_000
        Maximum number of points in memory; with fewer distinct scores the curve is
        exact.
    chunk_rows : int, default=10_000
        Number of rows in a chunk, if X is split.
    n_jobs : int or None, default=None
        Number of parallel chunks, for joblib.

    Returns
    -------
    RunningCurve
        With ``curve``, and ``error_bound``, the maximum error of its accuracy.

    Raises
    ------
    ValueError
        If a parameter is out of range, lengths differ, a label is missing or of another
        kind than the classes, or there is no y.
    TypeError
        If the model is neither a HybridClassifier nor an AbstainingClassifier.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AbstainingClassifier
    >>> from selective_query.scale import curve_in_chunks
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AbstainingClassifier(GaussianNB(), coverage=0.9).fit(X[::2], y[::2])
    >>> found = curve_in_chunks(model, X[1::2], y[1::2], chunk_rows=7)
    >>> found.error_bound, found.curve.accuracy_at(0.5)
    (0.0, np.float64(1.0))
    """
    _check_model(model)
    running = RunningCurve(max_points)
    chunks = chunks_of(X, y, sample_weight, chunk_rows)
    for *columns, weight in in_waves(partial(_curve_columns, model), chunks, n_jobs):
        running.add(*columns, sample_weight=weight)
    return running


def _curve_columns(model, chunk):
    """Scores, utilities of both sides and weights of a chunk."""
    chunk = labelled(chunk)
    outcomes = model.outcomes(chunk.X, chunk.y, sample_weight=chunk.sample_weight)
    score = model.rule_.score(outcomes)
    utilities = outcomes.base_utility, outcomes.global_utility
    return score, *utilities, outcomes.sample_weight
