"""Outcomes for routers that need special evidence."""

from dataclasses import replace

import numpy as np

from selective_query.routers.checks import sample_outcomes


def votes_of(outcomes, n_members=7):
    """Return votes of members that predict from noisy probabilities."""
    noise = np.random.default_rng(5).gumbel(
        size=(n_members, outcomes.n_rows, outcomes.base_proba.shape[1])
    )
    log = np.log(outcomes.base_proba + 1e-9)
    return (log + 0.5 * noise).argmax(axis=2).T.astype(outcomes.base_proba.dtype)


def outcomes_with_votes(n=240, **options):
    outcomes = sample_outcomes(n, **options)
    return replace(outcomes, base_features=votes_of(outcomes))


def outcomes_with_inputs(n=240, **options):
    outcomes = sample_outcomes(n, **options)
    table = np.random.default_rng(options.get("seed", 0) + 10).normal(size=(n, 3))
    return replace(outcomes, X=table)


MAKERS = {"agreement": outcomes_with_votes}


def completed(name, outcomes):
    """Add the evidence that the router of this name requires."""
    if name == "agreement":
        return replace(outcomes, base_features=votes_of(outcomes, 200))
    if name == "energy":
        return replace(outcomes, base_logits=3 * np.log(outcomes.base_proba + 1e-9))
    return outcomes
