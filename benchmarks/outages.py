"""What does an outage of the cloud cost, and does the simulation predict it?

The global of the hybrid answers on loopback, in its own process with configurable
delays and faults. `simulated`: predictions of `simulate_outages`, and accuracy and
times measured afterwards on the same rows. `breaker`: a silent cloud with and without
the breaker. `recovery`: time from the end of an outage to the first answer. `storm`:
faults of all kinds in half of the requests. `memory`: growth of the process over many
inputs.
"""

import gc
import time
import tracemalloc

import numpy as np
from _cloud import LoopbackCloud
from _harness import Benchmark, print_table
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from selective_query import HybridClassifier
from selective_query.costs import STM32F746, Cloud, Deployment, Link
from selective_query.serving import (
    CallableClassifier,
    Outage,
    RemoteClassifier,
    simulate_outages,
)

LINK = {
    "name": "loopback with delays", "throughput_kbps": 1e6, "jitter_ms": 4,
    "energy_uj_per_byte": 0, "energy_mj_per_wake_up": 0,
}  # fmt: skip
ROUND_TRIP_MS = 8
CLOUD = Cloud(name="cloud", median_ms=15, p95_ms=30)
CLIENT = {
    "deadline_ms": 150, "recovery_ms": 500, "failures_to_open": 3, "attempts": 2,
}  # fmt: skip
CYCLE_S, EVERY_MS = 3.0, 10.0
KINDS = ("well", "refusing", "silent", "slow", "overloaded", "lying", "stale")
MOST_WAITS_S = 10


def deployment(base_ms, round_trip_ms):
    link = Link(round_trip_ms=round_trip_ms, **LINK)
    return Deployment(
        device=STM32F746, base_ms=base_ms, link=link, cloud=CLOUD, payload_bytes=160
    )


def models(n_rows=20_000):
    X, y = make_classification(
        n_rows, 20, n_informative=12, n_classes=5, class_sep=1.8, random_state=0
    )
    base = LogisticRegression(max_iter=200).fit(X[:400, :8], y[:400])
    global_ = MLPClassifier((64,), early_stopping=True, random_state=0)
    global_.fit(X[:8000], y[:8000])
    stale = LogisticRegression(max_iter=200).fit(X[:2000], y[:2000])
    return FirstColumns(base), global_, stale, X[8000:], y[8000:]


class FirstColumns:
    """A base that sees only eight columns."""

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(X[:, :8])

    def predict(self, X):
        return self.model.predict(X[:, :8])


def fitted(base, global_, client, X, y, coverage=0.8):
    """Return a hybrid that is fitted with the model itself, then uses the client."""
    hybrid = HybridClassifier(
        FrozenEstimator(base),
        FrozenEstimator(global_),
        router="max_probability",
        coverage=coverage,
        on_unavailable="base",
    ).fit(X, y)
    hybrid.global_estimator_ = client
    return hybrid


def streamed(hybrid, X, every_ms=0.0):
    """Predict one input after the other; return labels and times in ms."""
    labels, times = [], []
    first = time.perf_counter()
    for row in range(len(X)):
        time.sleep(max(0, first + row * every_ms / 1000 - time.perf_counter()))
        start = time.perf_counter()
        labels.append(hybrid.predict(X[row : row + 1])[0])
        times.append(1000 * (time.perf_counter() - start))
    return np.array(labels), np.array(times)


def measured_here(cloud, hybrid, X):
    """Return the time of base and router, and the client's overhead, in ms."""
    cloud.fail(Outage("silent", 1.0))
    kept = hybrid.predict_coverage(X)
    _, times = streamed(hybrid, X[kept][:300])
    here = float(np.median(times))
    _, asked = streamed(hybrid, X[~kept][:300])
    drawn = CLOUD.draw_ms(np.random.default_rng(0), 10**5).mean()
    added = float(asked.mean()) - here - drawn - ROUND_TRIP_MS - LINK["jitter_ms"]
    return here, max(added, 0.0)


def simulated(kind, cloud, parts, n_inputs):
    """Return the predicted and the measured results of a stream."""
    base, global_, stale, X, y = parts
    client = RemoteClassifier(
        cloud.url, classes=global_.classes_, input_name="x", **CLIENT
    )
    hybrid = fitted(base, global_, client, X[:4000], y[:4000])
    here_ms, added_ms = measured_here(cloud, hybrid, X[4000:6000])
    X, y = X[6000 : 6000 + n_inputs], y[6000 : 6000 + n_inputs]
    queried = ~hybrid.predict_coverage(X)
    outage = Outage("silent", 1.0) if kind == "well" else Outage(kind, 0.5, CYCLE_S)
    twin = hybrid.at(0.8)
    twin.global_estimator_ = global_
    stale_right = float((stale.predict(X[queried]) == y[queried]).mean())
    said = simulate_outages(
        twin,
        X,
        y,
        deployment(here_ms, ROUND_TRIP_MS + added_ms),
        Outage(outage.kind, outage.availability, CYCLE_S, stale_accuracy=stale_right),
        client=client,
        n_inputs=100_000,
        every_ms=EVERY_MS,
        random_state=0,
    ).rows[0]
    cloud.fail(outage, seed=1)
    start = time.perf_counter()
    labels, times = streamed(hybrid, X, EVERY_MS)
    seconds = time.perf_counter() - start
    client.close()
    found = dict(
        zip(("p50", "p95", "p99"), np.percentile(times, (50, 95, 99)), strict=True)
    )
    return {
        "accuracy": float((labels == y).mean()),
        "accuracy predicted": said["accuracy"],
        **{f"{name} ms": float(ms) for name, ms in found.items()},
        **{f"{name} ms predicted": said[f"{name}_ms"] for name in found},
        "most ms": float(times.max()),
        "here ms": here_ms,
        "added ms": added_ms,
        "inputs": n_inputs,
        "streamed s": round(seconds, 2),
    }


def breaker(failures_to_open, cloud, parts, n_inputs):
    """Measure a cloud that is silent from the first input to the last."""
    base, global_, _, X, y = parts
    client = RemoteClassifier(
        cloud.url, classes=global_.classes_, input_name="x",
        **{**CLIENT, "failures_to_open": failures_to_open},
    )  # fmt: skip
    hybrid = fitted(base, global_, client, X[:4000], y[:4000])
    X = X[6000 : 6000 + n_inputs]
    kept = hybrid.predict_coverage(X)
    cloud.fail(Outage("silent", 0.0))
    before = cloud.n_requests
    _, times = streamed(hybrid, X)
    paid = cloud.n_requests - before
    client.close()
    spared = times[~kept & (times < CLIENT["deadline_ms"] / 2)]
    return {
        "inputs": n_inputs,
        "queries": int((~kept).sum()),
        "mean ms of a query": float(times[~kept].mean()),
        "p50 ms of a query": float(np.median(times[~kept])),
        "p99 ms of a query": float(np.percentile(times[~kept], 99)),
        "most ms": float(times.max()),
        "requests": paid,
        "stream s": float(times.sum() / 1000),
        "extra ms of a spared query": float(
            np.median(spared) - np.median(times[kept]) if len(spared) else np.nan
        ),
    }


def recovery(cloud, parts, n_outages):
    """Measure the seconds from the end of an outage to the global's first answer."""
    base, global_, _, X, y = parts
    client = RemoteClassifier(
        cloud.url, classes=global_.classes_, input_name="x", **CLIENT
    )
    hybrid = fitted(base, global_, client, X[:4000], y[:4000])
    one = X[6000:8000][~hybrid.predict_coverage(X[6000:8000])][:1]
    waits = []
    for number in range(n_outages):
        cloud.fail(Outage("silent", 0.0))
        end = time.monotonic() + 0.7 + 0.11 * number
        while time.monotonic() < end:
            hybrid.predict_detailed(one)
        start = cloud.fail(Outage("silent", 1.0))
        while hybrid.predict_detailed(one).answered_by[0] != "global":
            assert time.monotonic() - start < MOST_WAITS_S
            time.sleep(0.002)
        waits.append(time.monotonic() - start)
    client.close()
    return {
        "outages": n_outages,
        "median s": float(np.median(waits)),
        "most s": float(np.max(waits)),
        "period s": CLIENT["recovery_ms"] / 1000,
    }


def storm(cloud, parts, n_inputs):
    """Faults of all kinds: is every input answered, once, and in time?"""
    base, global_, _, X, y = parts
    client = RemoteClassifier(
        cloud.url, classes=global_.classes_, input_name="x",
        **{**CLIENT, "failures_to_open": None},
    )  # fmt: skip
    hybrid = fitted(base, global_, client, X[:4000], y[:4000], coverage=0.9)
    X = np.resize(X[6000:], (n_inputs, X.shape[1]))
    cloud.fail("storm")
    base_says, global_says = base.predict(X), global_.predict(X)
    answered, times, wrong, reasons = 0, [], 0, {}
    for row in range(n_inputs):
        found = hybrid.predict_detailed(X[row : row + 1])
        by = global_says if found.answered_by[0] == "global" else base_says
        answered += len(found)
        wrong += found.label[0] != by[row]
        if found.queried[0]:
            times.append(found.latency_ms[0])
            reason = str(found.failure[0]) or "answered"
            reasons[reason] = reasons.get(reason, 0) + 1
    client.close()
    return {
        "inputs": n_inputs,
        "answers": answered,
        "answers of neither side": int(wrong),
        "queries": len(times),
        "p99 ms of a query": float(np.percentile(times, 99)),
        "p99 ms of a sleep as long": _sleep_p99(CLIENT["deadline_ms"]),
        "most ms": float(np.max(times)),
        "reasons": reasons,
    }


def _sleep_p99(ms, n=200):
    """Return the 99th percentile of a plain sleep as long as the deadline."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        time.sleep(ms / 1000)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.percentile(times, 99))


def memory(parts, n_inputs):
    """Measure the growth of allocated memory, from a tenth of the inputs to all."""
    base, global_, _, X, y = parts
    calls = [0]

    def ask(rows):
        calls[0] += 1
        if calls[0] % 3 == 0:
            raise ConnectionError
        return global_.predict_proba(rows)

    client = CallableClassifier(
        ask, classes=global_.classes_, method="predict_proba", batch_rows=500,
        attempts=1, deadline_ms=60_000, failures_to_open=None,
    )  # fmt: skip
    hybrid = fitted(base, global_, client, X[:4000], y[:4000])
    X, sizes = X[4000:9000], []
    tracemalloc.start()
    for number in range(n_inputs // len(X)):
        hybrid.predict_detailed(X)
        if number + 1 in (n_inputs // len(X) // 10, n_inputs // len(X)):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return {"inputs": n_inputs, "KB grown": (sizes[-1] - sizes[0]) / 1000}


def main():
    benchmark = Benchmark("outages", __doc__, ["httpx2"])
    args = benchmark.parse()
    parts = models()
    _, global_, stale, *_ = parts
    few, many = (300, 1000) if args.quick else (4000, 10_000)
    with LoopbackCloud(global_, stale, deployment(1, ROUND_TRIP_MS)) as cloud:
        for kind in KINDS:
            benchmark.row(
                {"what": "simulated", "case": kind},
                lambda kind=kind: simulated(kind, cloud, parts, few),
            )
        for opens in (3, None):
            benchmark.row(
                {"what": "breaker", "case": "with" if opens else "without"},
                lambda opens=opens: breaker(opens, cloud, parts, few // 4),
            )
        benchmark.row(
            {"what": "recovery", "case": "silent"},
            lambda: recovery(cloud, parts, 4 if args.quick else 20),
        )
        benchmark.row(
            {"what": "storm", "case": "all faults"}, lambda: storm(cloud, parts, many)
        )
    benchmark.row(
        {"what": "memory", "case": "a third fails"},
        lambda: memory(parts, 100_000 if args.quick else 1_000_000),
    )
    tables = {what: [r for r in benchmark.rows if r["what"] == what] for what in WHATS}
    benchmark.summarise(tables)
    show(benchmark.rows)


WHATS = "simulated", "breaker", "recovery", "storm", "memory"


def show(rows):
    columns = {"case": "", "accuracy": ".4f", "accuracy predicted": ".4f"}
    for name in ("p50", "p95", "p99"):
        columns |= {f"{name} ms": ".1f", f"{name} ms predicted": ".1f"}
    print_table([row for row in rows if row["what"] == "simulated"], columns)
    for row in rows:
        if row["what"] != "simulated":
            hidden = ("run", "seconds")
            print({name: value for name, value in row.items() if name not in hidden})


if __name__ == "__main__":
    main()
