"""A function over a stream, in parallel, with few items in memory at once."""

from itertools import islice

from joblib import Parallel, delayed, effective_n_jobs


def in_waves(function, items, n_jobs=None):
    """``function(item)`` for each item of a stream, in order.

    One job holds one item at a time. Several take twice as many items as there are
    jobs, and the next ones when the results of these have been fetched: a reader that
    is slower than the workers does not fill the memory.

    Parameters
    ----------
    function : callable
    items : iterator
    n_jobs : int or None, default=None
        For joblib, whose backend is that of ``joblib.parallel_config`` at this call.

    Returns
    -------
    iterator
    """
    n_workers = effective_n_jobs(n_jobs)
    if n_workers == 1:
        return map(function, items)
    return _waves(Parallel(n_jobs=n_jobs), function, iter(items), 2 * n_workers)


def _waves(parallel, function, items, size):
    with parallel:
        while wave := list(islice(items, size)):
            yield from parallel(delayed(function)(item) for item in wave)
