"""What does a query over HTTP cost, and what does routing save the server?

The library's server runs in its own process, on loopback, with the library's client.
`query`: time of a request with some number of rows, compared with the model in this
process. `clients`: several processes that handle one input after the other, with the
cloud alone, and with a hybrid that keeps 80 %; medians of several runs. There are two
clouds: a forest, which shares the cores with the clients and takes hardly longer for
four rows than for one, so that requests of several clients are answered in one call;
and a simulated accelerator at full capacity, which takes 5 ms per row without using
these cores. `overhead`: costs around a query.
"""

import multiprocessing
import socket
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
from _harness import Benchmark, print_table
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import HybridClassifier
from selective_query.exceptions import GlobalUnavailableError
from selective_query.serving import (
    CallableClassifier,
    Journal,
    Keep,
    RemoteClassifier,
    application,
    serve,
)

LOOPBACK, N_FEATURES = "127.0.0.1", 64
ROWS = 1, 32, 256


def free_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


class Accelerator:
    """Takes a fixed time for each row, one call at a time, like remote hardware."""

    MS_A_ROW = 5

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_
        self.n_features_in_ = model.n_features_in_

    def predict_proba(self, X):
        time.sleep(len(X) * self.MS_A_ROW / 1000)
        return self.model.predict_proba(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def run_server(model, port):
    serve(application(model), port=port)


class Server:
    """`with Server(model) as url:` serves the model at url, from its own process."""

    def __init__(self, model):
        self.port = free_port()
        self.process = multiprocessing.get_context("spawn").Process(
            target=run_server, args=(model, self.port), daemon=True
        )

    def __enter__(self):
        self.process.start()
        url, end = f"http://{LOOPBACK}:{self.port}/v2/models/model", time.time() + 60
        with RemoteClassifier(url, failures_to_open=None) as client:
            while time.time() < end:
                try:
                    client.classes_  # noqa: B018
                    return url
                except GlobalUnavailableError:
                    time.sleep(0.2)
        raise RuntimeError("the server did not start")

    def __exit__(self, *error):
        self.process.terminate()
        self.process.join(20)


def timed(call, repeats):
    """Return the times of a call in ms, after a few warm-up calls."""
    times = []
    for number in range(-3, repeats):
        start = time.perf_counter()
        call()
        if number >= 0:
            times.append(1000 * (time.perf_counter() - start))
    return np.array(times)


def query(way, n_rows, url, model, X, repeats):
    X = np.resize(X, (n_rows, N_FEATURES))
    if way == "here":
        times = timed(lambda: model.predict_proba(X), repeats)
        return {"p50 ms": float(np.median(times)), "p99 ms": _p99(times)}
    with RemoteClassifier(url, binary=way == "binary", deadline_ms=10_000) as client:
        same = np.array_equal(client.predict_proba(X), model.predict_proba(X))
        times = timed(lambda: client.predict_proba(X), repeats)
    return {"p50 ms": float(np.median(times)), "p99 ms": _p99(times), "same": same}


def _p99(times):
    return float(np.percentile(times, 99))


def ask_one_by_one(way, url, hybrid, rows, barrier, found):
    """Run one client in its own process, like a separate device."""
    with RemoteClassifier(url, deadline_ms=10_000, max_concurrency=1) as client:
        client.predict(rows[:1])
        model, times = client, []
        if way == "hybrid":
            model = hybrid
            model.global_estimator_ = client
        barrier.wait(120)
        began = time.monotonic()
        for row in range(len(rows)):
            start = time.perf_counter()
            model.predict(rows[row : row + 1])
            times.append(1000 * (time.perf_counter() - start))
        found.put((began, time.monotonic(), times))


def clients(way, url, hybrid, X, n_clients, n_each, n_runs):
    """Return the inputs per second of several clients, and the median time of one."""
    runs = [_clients(way, url, hybrid, X, n_clients, n_each) for _ in range(n_runs)]
    return {name: float(np.median([run[name] for run in runs])) for name in runs[0]}


def _clients(way, url, hybrid, X, n_clients, n_each):
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(n_clients), context.Queue()
    parts = [X[number * n_each : (number + 1) * n_each] for number in range(n_clients)]
    processes = [
        context.Process(
            target=ask_one_by_one, args=(way, url, hybrid, part, barrier, found)
        )
        for part in parts
    ]
    for process in processes:
        process.start()
    began, ended, times = zip(*(found.get(timeout=300) for _ in parts), strict=True)
    for process in processes:
        process.join(30)
    times = np.concatenate(times)
    return {
        "inputs a second": len(times) / (max(ended) - min(began)),
        "p50 ms": float(np.median(times)),
        "p99 ms": _p99(times),
    }


def overhead(what, hybrid, X, repeats):
    """Return the microseconds of overhead around a query, on one row or a thousand."""
    kept = X[hybrid.predict_coverage(X)]
    if what == "stand-in, one kept row":
        other = hybrid.at(hybrid.coverage).set_params(on_unavailable="raise")
        with_it = timed(lambda: hybrid.predict(kept[:1]), repeats)
        without = timed(lambda: other.predict(kept[:1]), repeats)
        return {"us": 1000 * float(np.median(with_it) - np.median(without))}
    if what == "predict_detailed, one kept row":
        detailed = timed(lambda: hybrid.predict_detailed(kept[:1]), repeats)
        plain = timed(lambda: hybrid.predict(kept[:1]), repeats)
        return {"us": 1000 * float(np.median(detailed) - np.median(plain))}
    if what == "journal, a row of 1,000":
        found = hybrid.predict_detailed(X[:1000])
        path = Path(tempfile.mkdtemp()) / "journal"
        with Journal(path, keep=Keep(at_random=0.01), escalates=True) as journal:
            times = timed(lambda: journal.record(found, X[:1000]), repeats // 10)
        return {"us": float(np.median(times))}
    if what == "client around a function, one row":
        client = CallableClassifier(_first_class, classes=hybrid.classes_)
        around = timed(lambda: client.ask_rows(X[:1]), repeats)
        return {"us": 1000 * float(np.median(around))}
    client = CallableClassifier(
        _failing, classes=hybrid.classes_, attempts=1, recovery_ms=1e6
    )
    client.ask_rows(X[:3])
    return {
        "us": 1000 * float(np.median(timed(lambda: client.ask_rows(X[:1]), repeats)))
    }


def _first_class(rows):
    return np.zeros(len(rows), dtype=int)


def _failing(rows):
    raise ConnectionError


AROUND = (
    "stand-in, one kept row",
    "predict_detailed, one kept row",
    "client around a function, one row",
    "breaker open, one row",
    "journal, a row of 1,000",
)


def main():
    benchmark = Benchmark("serving", __doc__, ["httpx2", "starlette", "uvicorn"])
    args = benchmark.parse()
    repeats, n_each = (30, 100) if args.quick else (400, 600)
    X, y = make_classification(
        20_000, N_FEATURES, n_informative=20, n_classes=5, random_state=0
    )
    base = LogisticRegression(max_iter=100).fit(X[:1000], y[:1000])
    linear = LogisticRegression(max_iter=100).fit(X[:4000], y[:4000])
    forest = ExtraTreesClassifier(100, random_state=0).fit(X[:4000], y[:4000])
    with Server(linear) as url:
        for n_rows in ROWS:
            for way in ("here", "binary", "JSON"):
                benchmark.row(
                    {"what": "query", "way": way, "rows": n_rows},
                    lambda way=way, n=n_rows: query(way, n, url, linear, X, repeats),
                )
    hybrid = HybridClassifier(
        FrozenEstimator(base),
        FrozenEstimator(forest),
        router="max_probability",
        coverage=0.8,
        on_unavailable="base",
    ).fit(X[4000:8000], y[4000:8000])
    n_runs = 1 if args.quick else 3
    for name, cloud in (("forest", forest), ("accelerator", Accelerator(linear))):
        with Server(cloud) as url:
            for n_clients, way in product((1, 4), ("cloud alone", "hybrid")):
                benchmark.row(
                    {
                        "what": "clients",
                        "cloud": name,
                        "way": way,
                        "clients": n_clients,
                    },
                    lambda way=way, n=n_clients, url=url: clients(
                        way, url, hybrid, X[8000:], n, n_each, n_runs
                    ),
                )
    for what in AROUND:
        benchmark.row(
            {"what": "overhead", "way": what},
            lambda what=what: overhead(what, hybrid, X[8000:10_000], repeats),
        )
    tables = {what: [r for r in benchmark.rows if r["what"] == what] for what in WHATS}
    show(benchmark.summarise(tables))


def show(of):
    times = {"p50 ms": ".2f", "p99 ms": ".2f"}
    print_table(of["query"], {"way": "", "rows": "", **times})
    columns = {"cloud": "", "way": "", "clients": "", "inputs a second": ".0f", **times}
    print_table(of["clients"], columns)
    print_table(of["overhead"], {"way": "", "us": ".0f"})


WHATS = "query", "clients", "overhead"


if __name__ == "__main__":
    main()
