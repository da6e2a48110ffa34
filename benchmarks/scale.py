"""How does the cost of a decision grow with rows, classes and features?

Nanoseconds per row and peak of allocated memory, for all rows at once and in chunks, on
the same rows in one run: for a policy on saved outputs, and for a hybrid of two linear
models on a memory map. For the stream the memory is the growth of its process. Ray is
then compared with this process on the same work. All methods must give the same
answers.
"""

import resource
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
from _harness import CACHE, Benchmark, print_table
from predict_cost import medians_in_turn
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    Evidence,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
    TopKProba,
    cross_fit_outcomes,
)
from selective_query.scale import curve_in_chunks, predict_in_chunks, report_in_chunks

N_CLASSES, N_FEATURES, CHUNK = 10, 20, 10_000
ROWS = [10**k for k in range(3, 8)]
CLASSES = [2, 10, 100, 1_000, 10_000, 100_000]
FEATURES = [10, 100, 1_000, 10_000]
STREAMED = 10**8


def peak_mb(function):
    """Return the peak of memory allocated while a function runs, in megabytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def in_turn(ways, n_rows, quick=False):
    """Return ns per row (medians, taken in turn) and peak memory of each method."""
    start = time.perf_counter()
    peaks = [peak_mb(function) for function in ways.values()]
    once = time.perf_counter() - start
    n_repeats = int(np.clip((1 if quick else 10) / once, 3, 101))
    times = medians_in_turn(list(ways.values()), n_repeats)
    found = {}
    for way, seconds, peak in zip(ways, times, peaks, strict=True):
        found[f"{way} ns"], found[f"{way} MB"] = float(1e9 * seconds / n_rows), peak
    return found


def mapped(name, n_rows, n_columns, make):
    """Return a memory map of rows, written once; `make(rng, n)` returns one chunk."""
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"scale_{name}_{n_rows}x{n_columns}.npy"
    if not path.exists():
        rng = np.random.default_rng(0)
        partial_path = path.with_suffix(".partial")
        out = np.lib.format.open_memmap(
            partial_path, "w+", dtype=np.float32, shape=(n_rows, n_columns)
        )
        for start in range(0, n_rows, CHUNK):
            part = out[start : start + CHUNK]
            part[:] = make(rng, len(part))
        out.flush()
        partial_path.rename(path)
    return np.load(path, mmap_mode="r")


def distributions(n_classes, rng, n):
    weight = rng.exponential(size=(n, n_classes)) ** 3
    return weight / weight.sum(axis=1, keepdims=True)


def normal(n_features, rng, n):
    return rng.standard_normal((n, n_features), dtype=np.float32)


def saved_policy(n_classes, k=None):
    """Return a policy that was fitted on outputs with this number of classes."""
    rng = np.random.default_rng(1)
    proba = distributions(n_classes, rng, 1_000).astype(np.float32)
    y = (proba + rng.random(proba.shape) / 5).argmax(axis=1)
    policy = RoutingPolicy("margin", coverage=0.8)
    base_utility = proba.argmax(axis=1) == y
    return policy.fit(make_outcomes(proba, base_utility, k))


def make_outcomes(proba, base_utility, k):
    return Outcomes(
        base_proba=proba if k is None else top(proba, k),
        base_utility=base_utility,
        global_utility=np.ones(len(proba)),
    )


def top(proba, k):
    classes = np.argpartition(proba, -k, axis=1)[:, -k:]
    return TopKProba(classes, np.take_along_axis(proba, classes, 1), proba.shape[1])


def linear_hybrid(n_features):
    """Return a hybrid of frozen linear models, the base from few rows, and new rows."""
    rng = np.random.default_rng(2)
    centres = 2 * rng.standard_normal((N_CLASSES, n_features)) / np.sqrt(n_features)
    y = rng.integers(N_CLASSES, size=3_000)
    X = (centres[y] + rng.standard_normal((3_000, n_features))).astype(np.float32)
    few, many, held_out = slice(0, 200), slice(200, 2_000), slice(2_000, None)
    base, global_ = (
        FrozenEstimator(LogisticRegression(max_iter=50, tol=1e-2).fit(X[part], y[part]))
        for part in (few, many)
    )
    hybrid = HybridClassifier(base, global_, router="margin", coverage=0.8)
    return hybrid.fit(X[held_out], y[held_out])


def policy_by_rows(n_rows, quick):
    proba = mapped("proba", n_rows, N_CLASSES, partial(distributions, N_CLASSES))
    policy = saved_policy(N_CLASSES)
    out = np.empty(n_rows, dtype=bool)

    def whole():
        return policy.decide(Evidence(base_proba=proba))

    def chunks():
        stream = (
            Evidence(base_proba=proba[i : i + CHUNK]) for i in range(0, n_rows, CHUNK)
        )
        return predict_in_chunks(policy, stream, "decide", out=out)

    assert (whole() == chunks()).all()
    return in_turn({"whole": whole, "chunks": chunks}, n_rows, quick)


def policy_by_classes(n_classes, quick):
    n_rows = 500
    k = min(5, n_classes)
    proba = distributions(n_classes, np.random.default_rng(0), n_rows)
    proba = proba.astype(np.float32)
    dense, few = saved_policy(n_classes), saved_policy(n_classes, k)
    listed = top(proba, k)
    ways = {
        "whole": lambda: dense.decide(Evidence(base_proba=proba)),
        "top 5": lambda: few.decide(Evidence(base_proba=listed)),
    }
    return in_turn(ways, n_rows, quick)


def hybrid_ways(hybrid, X):
    """Measure all rows at once, in chunks, and the models alone on their rows."""
    out = np.empty(len(X), dtype=int)
    queried = np.flatnonzero(~hybrid.predict_coverage(X))

    def models():
        hybrid.base_estimator_.predict_proba(X)
        hybrid.global_estimator_.predict_proba(X[queried])

    ways = {
        "whole": lambda: hybrid.predict(X),
        "chunks": lambda: predict_in_chunks(hybrid, X, chunk_rows=CHUNK, out=out),
        "models": models,
    }
    assert (ways["whole"]() == ways["chunks"]()).all()
    return ways


def hybrid_by_rows(n_rows, quick):
    X = mapped("X", n_rows, N_FEATURES, partial(normal, N_FEATURES))
    return in_turn(hybrid_ways(linear_hybrid(N_FEATURES), X), n_rows, quick)


def hybrid_by_features(n_features, quick):
    X = normal(n_features, np.random.default_rng(0), 10_000)
    return in_turn(hybrid_ways(linear_hybrid(n_features), X), len(X), quick)


def judged_by_rows(n_rows, quick):
    """Measure the report and the curve in chunks, and the report at once."""
    X = mapped("X", n_rows, N_FEATURES, partial(normal, N_FEATURES))
    hybrid = linear_hybrid(N_FEATURES)
    y = np.random.default_rng(3).integers(N_CLASSES, size=n_rows)
    ways = {
        "whole": lambda: hybrid.report(X, y),
        "chunks": lambda: report_in_chunks(hybrid, X, y, chunk_rows=CHUNK),
        "curve": lambda: curve_in_chunks(hybrid, X, y, chunk_rows=CHUNK),
    }
    whole, chunks = ways["whole"](), ways["chunks"]()
    assert all(np.array_equal(whole[k], chunks[k], equal_nan=True) for k in whole)
    return in_turn(ways, n_rows, quick)


def streamed(n_rows):
    """Make one pass over more rows than fit in memory: the same chunk repeatedly.

    Must run in its own process, whose memory has had no other peak.
    """
    hybrid, rng = linear_hybrid(N_FEATURES), np.random.default_rng(0)
    X, y = normal(N_FEATURES, rng, CHUNK), rng.integers(N_CLASSES, size=CHUNK)
    once = hybrid.report(X, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    report = report_in_chunks(hybrid, ((X, y) for _ in range(n_rows // CHUNK)))
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert report.n == n_rows and report.coverage == once.coverage
    return {"chunks ns": 1e9 * seconds / n_rows, "chunks MB": grown * 1024 / 1e6}


def in_a_process_of_its_own(function, *args):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def ray_routing(n_rows):
    import ray

    from selective_query.scale.ray import route_dataset

    X = np.array(mapped("X", n_rows, N_FEATURES, partial(normal, N_FEATURES)))
    hybrid = linear_hybrid(N_FEATURES)
    rows = ray.data.from_numpy(np.array_split(X, 2))
    start = time.perf_counter()
    here = hybrid.predict(X)
    middle = time.perf_counter()
    options = {"num_cpus": 0.5}
    routed = route_dataset(
        hybrid,
        rows,
        "data",
        batch_rows=CHUNK,
        base_options=options,
        global_options=options,
    )
    batches = routed.iter_batches(batch_size=None, batch_format="numpy")
    there = np.concatenate([batch["label"] for batch in batches])
    end = time.perf_counter()
    assert (here == there).all()
    return {
        "whole ns": 1e9 * (middle - start) / n_rows,
        "ray ns": 1e9 * (end - middle) / n_rows,
    }


def ray_fits(n_rows):
    import joblib

    rng = np.random.default_rng(0)
    X, y = normal(N_FEATURES, rng, n_rows), rng.integers(N_CLASSES, size=n_rows)
    pair = DecisionTreeClassifier(max_depth=4), DecisionTreeClassifier()
    found = {}
    for way, backend in (("whole", "loky"), ("ray", "ray")):
        for _ in range(2):  # the second time, the workers are already running
            with joblib.parallel_config(backend=backend, n_jobs=2):
                start = time.perf_counter()
                cross_fit_outcomes(*pair, X, y)
                found[f"{way} ns"] = 1e9 * (time.perf_counter() - start) / n_rows
    return found


def measure_ray(benchmark, quick):
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        return
    sizes = {
        "a dataset by Ray Data": (ray_routing, [10**5] if quick else [10**5, 10**6]),
        "fits by Ray, against loky": (ray_fits, [10**4] if quick else [10**4, 10**5]),
    }
    if all(
        benchmark.stored({"what": what, "size": n})
        for what, (_, counts) in sizes.items()
        for n in counts
    ):
        return
    ray.init(
        num_cpus=2,
        object_store_memory=2**30,
        include_dashboard=False,
        log_to_driver=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    register_ray()
    for what, (function, counts) in sizes.items():
        for n_rows in counts:
            benchmark.row({"what": what, "size": n_rows}, partial(function, n_rows))
    ray.shutdown()


def table(rows):
    """Return a line for each method, with its time as a multiple of the first one's."""
    for row in rows:
        ways = [name.removesuffix(" ns") for name in row if name.endswith(" ns")]
        for way in ways:
            yield {
                "what": row["what"],
                "size": f"{row['size']:,}",
                "way": way,
                "ns a row": row[f"{way} ns"],
                "peak MB": row.get(f"{way} MB"),
                "ratio": row[f"{way} ns"] / row[f"{ways[0]} ns"] if ways[1:] else None,
            }


def main():
    benchmark = Benchmark("scale", __doc__, packages=("ray",))
    quick = benchmark.parse().quick
    growing = {
        "policy, rows": (policy_by_rows, ROWS[:3] if quick else ROWS),
        "policy, classes": (policy_by_classes, CLASSES[:4] if quick else CLASSES),
        "hybrid, rows": (hybrid_by_rows, ROWS[:3] if quick else ROWS),
        "hybrid, features": (hybrid_by_features, FEATURES[:3] if quick else FEATURES),
        "report and curve, rows": (judged_by_rows, ROWS[:3] if quick else ROWS),
    }
    for what, (function, sizes) in growing.items():
        for size in sizes:
            benchmark.row({"what": what, "size": size}, partial(function, size, quick))
    n_rows = 10**5 if quick else STREAMED
    benchmark.row(
        {"what": "report of a stream", "size": n_rows},
        partial(in_a_process_of_its_own, streamed, n_rows),
    )
    measure_ray(benchmark, quick)
    columns = {
        "what": "",
        "size": "",
        "way": "",
        "ns a row": ",.0f",
        "peak MB": ",.1f",
        "ratio": ".2f",
    }
    print_table(benchmark.summarise(list(table(benchmark.rows))), columns)


if __name__ == "__main__":
    main()
