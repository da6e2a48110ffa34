"""Metrics for Prometheus: the only module that imports its client."""

import time
from contextlib import contextmanager


class Metrics:
    """Counters and timings of a server, in a registry of their own.

    Parameters
    ----------
    name : str
        Name of the model.
    waiting : callable
        Returns the number of waiting rows.
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
            "rows", "Rows by answering model and failure of the global.",
            ["model", "answered_by", "failure"], **ours,
        )  # fmt: skip
        self._seconds = client.Histogram(
            "request_seconds", "Duration of a request.", ["model"], **ours
        )
        gauge = client.Gauge("waiting_rows", "Waiting rows.", ["model"], **ours)
        gauge.labels(name).set_function(waiting)
        self._name = name

    def exposed(self):
        """Return the text of all metrics, and its media type."""
        text = self._client.generate_latest(self._registry)
        return text, self._client.CONTENT_TYPE_LATEST

    @contextmanager
    def timed(self):
        """Time a request and count it when it ends."""
        timed, start = _Timed(self), time.perf_counter()
        yield timed
        self._seconds.labels(self._name).observe(time.perf_counter() - start)
        self._requests.labels(self._name, str(timed.status)).inc()

    def count_rows(self, found, n_rows):
        """Count rows by the model that answered them."""
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
