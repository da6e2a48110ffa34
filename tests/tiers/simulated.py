"""Chains of models with increasing accuracy and cost from tier to tier."""

import numpy as np

from selective_query import ChainOutcomes, Evidence


def chain(n, n_tiers, seed, *, costs=(1.0, 3.0, 10.0, 30.0, 100.0), noise=0.15):
    """Draw a chain, with probabilities of two classes and a feature as evidence."""
    rng = np.random.default_rng(seed)
    hardness, luck = rng.normal(size=n), rng.uniform(size=n)
    utilities, evidence = [], []
    for tier in range(n_tiers):
        right = 1 / (1 + np.exp(-(0.4 + 0.6 * tier - 1.5 * hardness)))
        utilities.append((rng.uniform(size=n) + luck) / 2 < right)
        sure = np.clip(right + noise * rng.normal(size=n), 0.01, 0.99)
        proba = 0.5 + sure / 2
        evidence.append(
            Evidence(
                base_proba=np.column_stack([proba, 1 - proba]),
                base_features=rng.normal(size=(n, 2)) + hardness[:, None],
            )
        )
    return ChainOutcomes.from_utilities(
        np.column_stack(utilities).astype(float),
        list(costs[:n_tiers]),
        evidence=evidence,
    )
