"""measure_latency: time a model on this host, which is not the device."""

import platform
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import count_rows

MS_PER_S = 1000


@dataclass(frozen=True)
class HostLatency:
    """Latency of a batch, measured on this host and not on a device.

    Parameters
    ----------
    median_ms, p95_ms : float
        Median and 95th percentile of a batch over the repeats; the latter is the
        smallest time that 95 % of the repeats do not exceed.
    n_repeats, n_warm_up : int
        Number of timed batches, and of untimed batches before them.
    batch_size : int
    method : {"predict_proba", "predict"}
    host : str
        Machine and operating system.
    """

    median_ms: float
    p95_ms: float
    n_repeats: int
    n_warm_up: int
    batch_size: int
    method: str
    host: str

    def __str__(self):
        return (
            f"measured on this host ({self.host}), not on the device: "
            f"{self.method} of {self.batch_size} in {self.median_ms:.3g} ms (median), "
            f"{self.p95_ms:.3g} ms (95th percentile) of {self.n_repeats} repeats after "
            f"{self.n_warm_up} to warm up"
        )


def measure_latency(
    estimator, X, batch_size=1, *, n_repeats=100, n_warm_up=10, clock=perf_counter
):
    """Time an estimator on this host, on consecutive batches of X.

    Parameters
    ----------
    estimator : fitted estimator
        ``predict_proba`` is timed, or ``predict`` if it has none.
    X : array-like, sparse matrix, DataFrame or list of length n_samples
        Batches are taken in order, starting over at the end.
    batch_size : int, default=1
        A device usually sees inputs one at a time.
    n_repeats : int, default=100
        Number of timed calls.
    n_warm_up : int, default=10
        Number of initial calls, which load code and fill caches and are not timed.
    clock : callable, default=time.perf_counter
        Returns seconds.

    Returns
    -------
    HostLatency
        Useful to compare models. For a budget on a device, measure there and give
        ``Deployment(base_ms=...)``.

    Raises
    ------
    ValueError
        If a number is out of range, or X has fewer rows than a batch.
    TypeError
        If the estimator cannot predict, or the clock is not callable.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query.costs import measure_latency
    >>> X, y = load_iris(return_X_y=True)
    >>> found = measure_latency(GaussianNB().fit(X, y), X, n_repeats=20)
    >>> 0 < found.median_ms <= found.p95_ms
    True
    """
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("n_repeats", n_repeats, 1),
        ("n_warm_up", n_warm_up, 0),
    ):
        check_whole(value, name, least)
    if not callable(clock):
        raise TypeError(f"clock must be callable, as perf_counter. Got {clock!r}.")
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    if not hasattr(estimator, method):
        raise TypeError(
            "estimator must be a fitted estimator with predict_proba or predict. Got "
            f"{type(estimator).__name__}."
        )
    n_batches = count_rows(X, "X") // batch_size
    if not n_batches:
        raise ValueError(
            f"X must hold at least batch_size={batch_size} rows. Give more rows or a "
            "smaller batch."
        )
    call = getattr(estimator, method)
    seconds = []
    for repeat in range(n_warm_up + n_repeats):
        start = (repeat % n_batches) * batch_size
        batch = _safe_indexing(X, np.arange(start, start + batch_size))
        began = clock()
        call(batch)
        seconds.append(clock() - began)
    timed = MS_PER_S * np.array(seconds[n_warm_up:])
    return HostLatency(
        median_ms=float(np.median(timed)),
        p95_ms=float(np.quantile(timed, 0.95, method="inverted_cdf")),
        n_repeats=n_repeats,
        n_warm_up=n_warm_up,
        batch_size=batch_size,
        method=method,
        host=f"{platform.machine()}, {platform.system()}",
    )
