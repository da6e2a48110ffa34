"""Is a promised accuracy on answered rows kept, and what does it cost?

Each draw sets the threshold on rows that the base was not fitted on, and evaluates it
on all others. A promise with confidence 0.9 may be missed in one draw of ten.
"""

import numpy as np

from _peers.jobs import saved_job, saved_rows
from selective_query import AbstainingClassifier
from selective_query.budgets import MinSelectiveAccuracy
from selective_query.exceptions import BudgetInfeasibleError

N_ROWS = 1000
CONFIDENCE = 0.9
TARGETS = {"letter": 0.9, "covertype": 0.8, "digits": 0.97}


def by_hand(job, accuracy, _):
    """Answer as many rows as were accurate enough on the calibration rows.

    Like every rule here, this returns a function of X, True where the base answers, or
    None if nothing can be certified.
    """
    proba = job.base.predict_proba(job.X)
    top = proba.max(axis=1)
    order = np.argsort(-top)
    right = job.base.classes_[proba.argmax(axis=1)][order] == job.y[order]
    so_far = np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(so_far >= accuracy)
    if not len(enough):
        return None
    threshold = top[order[enough[-1]]]
    return lambda X: job.base.predict_proba(X).max(axis=1) >= threshold


def ours(job, accuracy, confidence):
    """Use max-probability, which needs no training rows, with a certificate."""
    model = AbstainingClassifier(
        job.base,
        router="max_probability",
        coverage=MinSelectiveAccuracy(accuracy),
        confidence=confidence,
        random_state=job.seed,
    )
    try:
        return model.fit(job.X, job.y).predict_coverage
    except BudgetInfeasibleError:
        return None


def judge(outcomes, accuracy, rules, n_draws, n_rows=N_ROWS):
    """Return how often each rule missed the accuracy, and the share it answered."""
    found = {name: [] for name in rules}
    for seed in range(n_draws):
        order = np.random.default_rng(seed).permutation(outcomes.n_rows)
        job = saved_job(outcomes.take(order[:n_rows]), None, abstaining=True)
        new = outcomes.take(order[n_rows:])
        X = saved_rows(new)
        for name, rule in rules.items():
            answers = rule(job, accuracy, CONFIDENCE)
            answered = np.zeros(len(X), bool) if answers is None else answers(X)
            missed = answered.any() and new.base_utility[answered].mean() < accuracy
            found[name].append((missed, answered.mean()))
    return [
        {
            "peer": name,
            "asked": accuracy,
            "n": n_rows,
            "n_draws": n_draws,
            "missed": float(np.mean([missed for missed, _ in draws])),
            "nothing shown": float(np.mean([share == 0 for _, share in draws])),
            "coverage": float(np.mean([share for _, share in draws])),
        }
        for name, draws in found.items()
    ]
