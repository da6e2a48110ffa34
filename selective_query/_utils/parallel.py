"""Parallel calls with joblib: results in order, with an optional progress bar."""

from itertools import islice

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend


def in_parallel(function, calls, n_jobs=None, *, label=None, shown=False):
    """``function(*call)`` for each call, in order.

    Results arrive one by one, as a progress bar needs, if the backend supports it;
    others, such as Ray's, return them all at the end.

    Parameters
    ----------
    function : callable
    calls : list of tuple
    n_jobs : int or None, default=None
        For joblib, with the backend of ``joblib.parallel_config`` at this call.
    label : str or None, default=None
        Text beside the progress bar.
    shown : bool, default=False
        Whether a progress bar is shown.

    Returns
    -------
    iterable
    """
    backend, _ = get_active_backend()
    one_by_one = getattr(backend, "supports_return_generator", False)
    run = Parallel(n_jobs=n_jobs, return_as="generator" if one_by_one else "list")
    found = run(delayed(function)(*call) for call in calls)
    return with_bar(found, len(calls), label, shown)


def in_waves(function, items, n_jobs=None):
    """``function(item)`` for each item of a stream, in order.

    With one job, one item is in memory at a time. With several, items are taken in
    waves of twice the number of jobs, and the next wave starts once all results of the
    last have been fetched: if the consumer is slower than the workers, memory does not
    fill.

    Parameters
    ----------
    function : callable
    items : iterator
    n_jobs : int or None, default=None
        As in :func:`in_parallel`.

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


def with_bar(steps, n_steps, label=None, shown=True):
    """Yield the steps, with a progress bar if shown and they take over two seconds.

    Raises
    ------
    ImportError
        If a progress bar is to be shown and tqdm is not installed.
    """
    if not shown:
        return steps
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "A bar needs tqdm. Install it with pip install tqdm, or ask for no bar: "
            "verbose=0, progress=False."
        ) from error
    return tqdm(steps, desc=label, total=n_steps, delay=2, leave=False)
