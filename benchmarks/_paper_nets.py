"""Nets of the paper's tables, trained once, and routers on their outputs."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from _training_tasks import BASES, global_answers
from training import TUNED_AT, Run, accuracy_of, train_all

from selective_query import Outcomes
from selective_query.routers import BaseRouter, make_router

# Arm of the training benchmark, its candidate learning rates, and the router.
# Distillation was best at this rate on the smallest base, so no other is tried.
METHODS = {
    "entropy": ("plain", (0.2, 0.4), "entropy"),
    "hybrid": ("distillation", (0.4,), "auto"),
}
# Expensive to train, and far from the front.
N_EXIT_SEEDS = 2
EXITS = "cifar10_exits", "exits", (0.2, 0.4)


def train(seeds, n_jobs):
    """Train all nets that are not stored, those of the first seeds first."""
    if seeds:
        global_answers("cifar10_small")
    for seed in seeds:
        runs = []
        for size in BASES:
            for arm, rates, _ in METHODS.values():
                tried = rates if seed == seeds[0] else [best_rate(size, arm, rates)]
                runs += [Run(f"cifar10_{size}", arm, seed, rate) for rate in tried]
        train_all(runs, n_jobs)
    name, arm, rates = EXITS
    for seed in seeds[:N_EXIT_SEEDS]:
        tried = rates if seed == seeds[0] else [best_rate("exits", arm, rates)]
        train_all([Run(name, arm, seed, rate) for rate in tried], n_jobs)


@cache
def best_rate(size, arm, rates, seed=0):
    """Return the rate with the highest accuracy on the routers' rows, by entropy."""
    found = {}
    for rate in rates:
        rows = Run(f"cifar10_{size}", arm, seed, rate).outcomes()[0]
        score = make_router("entropy").fit_score(rows)
        found[rate] = accuracy_of(score, rows, TUNED_AT)
    return max(found, key=found.get)


def run_of(size, method, seed):
    arm, rates, _ = METHODS[method]
    return Run(f"cifar10_{size}", arm, seed, best_rate(size, arm, rates))


def exits_of(seed):
    name, arm, rates = EXITS
    return Run(name, arm, seed, best_rate("exits", arm, rates))


@dataclass(frozen=True, eq=False)
class Routed:
    """A base with the global and a router that was fitted on other rows.

    Parameters
    ----------
    router : BaseRouter
    train, test : Outcomes
    train_score, test_score : ndarray of shape (n_samples,)
        Out of fold on the routers' rows.
    """

    router: BaseRouter
    train: Outcomes
    test: Outcomes
    train_score: np.ndarray
    test_score: np.ndarray


@cache
def routed(size, method, seed, abstaining=False):
    """Return a base of one size and seed, with the method's router."""
    train, test = run_of(size, method, seed).outcomes()
    if abstaining:
        train, test = without_global(train), without_global(test)
    name = METHODS[method][2]
    if abstaining and name == "entropy":
        name = "max_probability"
    router = make_router(name, target_coverage=TUNED_AT, random_state=0)
    train_score = router.fit_score(train)
    return Routed(router, train, test, train_score, router.query_score(test.evidence))


def without_global(outcomes):
    names = ("base_proba", "base_features", "y", "classes")
    return Outcomes(**{name: getattr(outcomes, name) for name in names})
