"""Comparison with other libraries: same data, same rows, one run.

Five questions: which ranking of the inputs is better (`accuracy`, `abstention`), which
coverage is closest to the one asked for (`coverage`), which methods keep a promised
accuracy (`promises`), what they cost (`costs`), and what happens on awkward input
(`failures`). Libraries that are not installed are skipped and named: `pip install -e
'.[bench]'`.
"""

import warnings
from functools import partial

import _peers
from _harness import Benchmark, print_table
from _peers import accuracy, costs, coverage, failures, promises
from _recipes import make_outcomes
from threadpoolctl import threadpool_limits

ROUTER_ROWS = 4000  # for all methods, so that the slowest takes only minutes
TEST_ROWS = 20_000
DATASETS = ("digits", "letter", "covertype", "cifar10")
SHOWN_COVERAGE = 0.8
N_PROMISES = 200

ACCURACIES = {
    "dataset": "",
    "peer": "",
    "accuracy": ".2f",
    "difference": "+.2f",
    "low": "+.2f",
    "high": "+.2f",
    "realised coverage": ".3f",
}
COLUMNS = {
    "accuracy": ACCURACIES,
    "abstention": ACCURACIES,
    "coverage": {
        "dataset": "",
        "base": "",
        "peer": "",
        "coverage": ".2f",
        "mean error": "+.2f",
        "SD": ".2f",
        "worst": "+.2f",
        "accuracy": ".2f",
        "difference": "+.2f",
        "low": "+.2f",
        "high": "+.2f",
    },
    "promises": {
        "dataset": "",
        "peer": "",
        "n": "",
        "asked": ".2f",
        "missed": ".3f",
        "nothing shown": ".3f",
        "coverage": ".3f",
    },
    "costs": {
        "peer": "",
        "fit, models fitted": ".1f",
        "fit, models too": ".1f",
        "peak of fit": ".1f",
        "predict": ".2f",
        "predict one row": ".2f",
        "peak of predict": ".2f",
    },
    "failures": {"case": "", "peer": "", "verdict": "", "what": ""},
}


def whose_order(dataset, adapters, abstaining):
    train, test = make_outcomes(dataset)
    train, test = train.take(slice(ROUTER_ROWS)), test.take(slice(TEST_ROWS))
    return accuracy.judge(train, test, adapters, abstaining)


def whose_coverage(dataset, base, adapters, n_draws):
    draws = [coverage.judge(dataset, base, adapters, s) for s in range(n_draws)]
    return coverage.summary(draws, accuracy.OURS)


def whose_promise(dataset, rules, n_draws):
    outcomes = make_outcomes(dataset)[0]
    n_rows = min(promises.N_ROWS, outcomes.n_rows // 2)
    return promises.judge(outcomes, promises.TARGETS[dataset], rules, n_draws, n_rows)


def whose_failure(case, adapters):
    return [{"peer": a.name, **failures.judge(a, case)} for a in adapters]


def questions(quick):
    """Yield part, setting, adapters, and a function of setting and adapters."""
    hybrids, abstainers = _peers.hybrids(), _peers.abstainers()
    ranked = hybrids if quick else hybrids + _peers.published()
    for dataset in ("digits",) if quick else DATASETS:
        key = {"dataset": dataset}
        yield "accuracy", key, ranked, partial(whose_order, abstaining=False)
        yield "abstention", key, abstainers, partial(whose_order, abstaining=True)
    draws = partial(whose_coverage, n_draws=2 if quick else 12)
    for dataset in ("digits",) if quick else ("digits", "simulated"):
        for base in ("tree",) if quick else coverage.BASES:
            yield "coverage", {"dataset": dataset, "base": base}, abstainers, draws
    draws = partial(whose_promise, n_draws=20 if quick else N_PROMISES)
    for dataset in ("digits",) if quick else promises.TARGETS:
        yield "promises", {"dataset": dataset}, _peers.rules(), draws
    # Ratios are relative to the last.
    timed = sorted(hybrids, key=lambda adapter: adapter.name == _peers.ByHand.name)
    yield "costs", {}, timed, partial(costs.measure, *costs.SIZES[quick])
    for case in failures.CASES:
        yield "failures", {"case": case}, hybrids, whose_failure


def ask(benchmark, part, on, adapters, answer):
    """Return the stored result of these adapters; others have another row."""
    names = ", ".join(getattr(adapter, "name", adapter) for adapter in adapters)
    return benchmark.row(
        {"part": part, **on, "peers": names},
        lambda: {"results": answer(*on.values(), adapters)},
    )


def tables(rows):
    """Return, by part, a line for each result with its setting."""
    found = {part: [] for part in COLUMNS}
    for row in rows:
        on = {name: row[name] for name in ("dataset", "base", "case") if name in row}
        found[row["part"]] += [{**on, **result} for result in row["results"]]
    for part in ("accuracy", "abstention"):
        found[part] = [r for r in found[part] if r["coverage"] == SHOWN_COVERAGE]
    return found


def main():
    benchmark = Benchmark("peers", __doc__.split("\n")[0], _peers.PACKAGES.values())
    benchmark.parser.add_argument(
        "--parts", nargs="*", choices=COLUMNS, default=COLUMNS
    )
    args = benchmark.parse()
    for package in _peers.missing():
        print(f"Left out, because it is not installed: {package}")
    warnings.simplefilter("ignore")  # of all methods; `failures` checks them
    with threadpool_limits(1):  # fair, and robust to other work on the machine
        rows = [
            ask(benchmark, *question)
            for question in questions(args.quick)
            if question[0] in args.parts
        ]
    found = tables(rows)
    shown = benchmark.summary or found
    found = {part: found[part] or shown[part] for part in COLUMNS}
    for part, lines in benchmark.summarise(found).items():
        print(f"\n{part}")
        print_table(lines, COLUMNS[part])


if __name__ == "__main__":
    main()
