"""Rows that must stay with a model: never passed on, and nothing learned from them."""

import numpy as np


def held_back(gain, tiers):
    """Minus infinity where a row must stay with one of these models."""
    for tier in tiers:
        gain = tier.keep_local(gain)
    return gain


def weight_of_leaving(weight, tiers):
    """Weights with zero for rows that must stay with one of these models.

    What a later model is said to answer there may be a stand-in.
    """
    if all(tier.local_only is None for tier in tiers):
        return weight
    stays = np.isneginf(held_back(np.zeros(tiers[0].n_rows), tiers))
    return np.where(stays, 0.0, 1.0 if weight is None else weight)
