"""What do all metrics together cost, relative to one sort of the scores?

Every metric and the full curve of one score, in one call, are compared with
`np.argsort` of the scores, alternately in one run. Also reported are the peak of memory
above the inputs, in float64 arrays of their length, and the AURC alone, as
torch-uncertainty or a textbook computes it.

The cheapest way of sorting works for right and wrong answers without weights and for
scores of any sign; the rows "infinite", "tied", "weighted" and "graded" show the cost
of the others.
"""

import time
import tracemalloc

import numpy as np
from _harness import Benchmark, print_table

from selective_query.metrics import RankedOutcomes

N_ROWS = 10_000_000


def rows(kind, n):
    """Return score, utilities of base and global, and weights or None."""
    rng = np.random.default_rng(0)
    score = rng.random(n)
    base = (rng.random(n) > 0.6 * score).astype(float)
    query = (rng.random(n) < 0.9).astype(float)
    weight = None
    if kind == "both signs":
        score = rng.standard_normal(n)
    elif kind == "infinite":
        score[base == query] = -np.inf
    elif kind == "tied":
        score = np.round(score, 3)
    elif kind == "weighted":
        weight = rng.integers(1, 4, size=n).astype(float)
    elif kind == "graded":
        base, query = rng.random((2, n))
    return score, base, query, weight


def textbook_aurc(score, base):
    """Mean risk on the k most confident rows over k = 1, ..., n; ignores ties."""
    wrong = 1 - base[np.argsort(score, kind="stable")]
    return np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def peer_aurc():
    """Return torch-uncertainty's AURC as a function; None if it is not installed."""
    try:
        import torch
        from torch_uncertainty.metrics.classification import AURC
    except ImportError:
        return None

    def compute(score, base):
        metric = AURC()
        metric.scores.append(torch.from_numpy(-score))
        metric.errors.append(torch.from_numpy(1 - base))
        return float(metric.compute())

    return compute


def medians_in_turn(functions, repeats):
    """Return the median seconds of each function; every repeat calls all in turn."""
    times = np.empty((repeats, len(functions)))
    for run in range(-1, repeats):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            if run >= 0:
                times[run, i] = time.perf_counter() - start
    return np.median(times, axis=0)


def cost(kind, n, repeats):
    score, base, query, weight = rows(kind, n)

    def everything():
        return RankedOutcomes(score, base, query, sample_weight=weight).summary()

    functions = [
        lambda: np.argsort(score),
        everything,
        lambda: textbook_aurc(score, base),
    ]
    peer = peer_aurc()
    if peer is not None:
        functions.append(lambda: peer(score, base))
    times = medians_in_turn(functions, repeats)
    tracemalloc.start()
    everything()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "argsort s": float(times[0]),
        "all metrics / argsort": float(times[1] / times[0]),
        "peak arrays": peak / score.nbytes,
        "textbook AURC / argsort": float(times[2] / times[0]),
        "torch-uncertainty AURC / argsort": (
            float("nan") if peer is None else float(times[3] / times[0])
        ),
    }


def main():
    benchmark = Benchmark("metrics_cost", __doc__)
    args = benchmark.parse()
    n = N_ROWS // 10 if args.quick else N_ROWS
    for kind in ("plain", "both signs", "infinite", "tied", "weighted", "graded"):
        benchmark.row(
            {"scores": kind, "rows": n},
            lambda kind=kind: cost(kind, n, repeats=5),
        )
    print_table(
        benchmark.rows,
        {
            "scores": "",
            "argsort s": ".2f",
            "all metrics / argsort": ".2f",
            "peak arrays": ".2f",
            "textbook AURC / argsort": ".2f",
            "torch-uncertainty AURC / argsort": ".2f",
        },
    )


if __name__ == "__main__":
    main()
