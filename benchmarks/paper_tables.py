"""The paper's tables on CIFAR-10: bases of three sizes beside a net too large for them.

Every base passes the memory of an STM32F746 and the global does not. "Entropy" is plain
training with an entropy threshold; "hybrid" is distillation with the router that the
library chooses. Both are given the same epochs, and their learning rate is chosen on
the first seed, by accuracy on the routers' rows.
"""

from _harness import Benchmark
from _training_tasks import BASES, PAPER_TASKS, global_answers
from training import Run, best_rate, store

# Arm of training.py, and the router that its rate is chosen by.
METHODS = {
    "entropy": ("plain", "entropy"),
    "hybrid": ("distillation", "auto"),
}


def train(benchmark, n_seeds, n_jobs):
    """All nets: rates on the first seed, then the other seeds."""
    global_answers("cifar10_small")
    tasks = [(f"cifar10_{size}", *METHODS[m]) for size in BASES for m in METHODS]
    tasks.append(("cifar10_exits", "exits", "entropy"))
    for name, arm, router in tasks:
        rates = PAPER_TASKS[name].rates
        store(benchmark, [Run(name, arm, 0, rate) for rate in rates], n_jobs)
        rate = best_rate(benchmark, name, arm, router)
        runs = [Run(name, arm, seed, rate) for seed in range(1, n_seeds)]
        store(benchmark, runs, n_jobs)


def main():
    benchmark = Benchmark("paper_tables", __doc__)
    parser = benchmark.parser
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = benchmark.parse()
    train(benchmark, args.seeds, args.jobs)


if __name__ == "__main__":
    main()
