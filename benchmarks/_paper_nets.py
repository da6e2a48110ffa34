"""Nets of the paper's tables: trained once, and what routers make of their outputs."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from _training_tasks import BASES, global_answers
from training import TUNED_AT, Run, train_all

from selective_query import Outcomes
from selective_query.routers import BaseRouter, make_router

# Arm of the training benchmark, the learning rate that was best for it on the smallest
# base there, and the router.
METHODS = {
    "entropy": ("plain", 0.2, "entropy"),
    "hybrid": ("distillation", 0.4, "auto"),
}
EXITS = "cifar10_exits", "exits", 0.2


def run_of(size, method, seed):
    arm, rate, _ = METHODS[method]
    return Run(f"cifar10_{size}", arm, seed, rate)


def exits_of(seed):
    name, arm, rate = EXITS
    return Run(name, arm, seed, rate)


def train(n_seeds, n_jobs):
    """All nets that are not stored, seed by seed."""
    global_answers("cifar10_small")
    runs = []
    for seed in range(n_seeds):
        runs += [run_of(size, method, seed) for size in BASES for method in METHODS]
        runs.append(exits_of(seed))
    train_all(runs, n_jobs)


@dataclass(frozen=True, eq=False)
class Routed:
    """A base beside the global, ranked by a router that learned on other rows.

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
    """A base of one size and seed, with the method's router."""
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
