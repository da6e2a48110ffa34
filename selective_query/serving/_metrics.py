"""Counts and times for Prometheus: the one place where its client is used."""

import time
from contextlib import contextmanager


class Metrics:
    """What a server tells of its work, in a registry of its own.

    Parameters
    ----------
    name : str
        Of the model.
    waiting : callable
        Gives the rows that wait.
    """

    def __init__(self, name, waiting):
        try:
            import prometheus_client as client
        except ImportError as error:
            raise ImportError(
                "A server needs prometheus-client: pip install "
                "'selective-query[serve]'."
            ) from error
        self._client, self._registry = client, client.CollectorRegistry()
        ours = {"registry": self._registry, "namespace": "selective_query"}
        self._requests = client.Counter(
            "requests", "Requests by status.", ["model", "status"], **ours
        )
        self._rows = client.Counter(
            "rows", "Rows by who answered, and why not the global.",
            ["model", "answered_by", "failure"], **ours,
        )  # fmt: skip
        self._seconds = client.Histogram(
            "request_seconds", "Time of a request.", ["model"], **ours
        )
        gauge = client.Gauge("waiting_rows", "Rows that wait.", ["model"], **ours)
        gauge.labels(name).set_function(waiting)
        self._name = name

    def exposed(self):
        """Text of all metrics, and its media type."""
        text = self._client.generate_latest(self._registry)
        return text, self._client.CONTENT_TYPE_LATEST

    @contextmanager
    def timed(self):
        """Counts a request once it is over."""
        timed, start = _Timed(self), time.perf_counter()
        yield timed
        self._seconds.labels(self._name).observe(time.perf_counter() - start)
        self._requests.labels(self._name, str(timed.status)).inc()

    def count_rows(self, found, n_rows):
        """Count rows by who answered them."""
        by, failure = found.get("answered_by"), found.get("failure")
        if by is None:
            self._rows.labels(self._name, "model", "").inc(n_rows)
            return
        pairs = list(zip(by.tolist(), failure.tolist(), strict=True))
        for pair in set(pairs):
            self._rows.labels(self._name, *pair).inc(pairs.count(pair))


class _Timed:
    def __init__(self, metrics):
        self._metrics, self.status = metrics, 500

    def answered(self, rows, found):
        self._metrics.count_rows(found, len(rows))
