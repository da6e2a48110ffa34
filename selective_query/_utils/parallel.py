"""joblib with results as they come, where the backend can give them so."""

from joblib import Parallel
from joblib.parallel import get_active_backend


def parallel(n_jobs):
    """A ``Parallel`` of the active backend, whose results are iterated over in order.

    They come one by one, as a progress bar wants them, from backends that can do that;
    others, as Ray's, give them all at the end.

    Parameters
    ----------
    n_jobs : int or None

    Returns
    -------
    joblib.Parallel
    """
    backend, _ = get_active_backend()
    one_by_one = getattr(backend, "supports_return_generator", False)
    return Parallel(n_jobs=n_jobs, return_as="generator" if one_by_one else "list")
