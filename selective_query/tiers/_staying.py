"""Local rows: they must not be passed on, and nothing is learned from them."""

import numpy as np


def held_back(gain, tiers):
    """Set the gain to minus infinity where a row is local to one of these tiers."""
    for tier in tiers:
        gain = tier.keep_local(gain)
    return gain


def weight_of_leaving(weight, tiers):
    """Return weights that are zero for rows local to one of these tiers.

    The recorded answer of a later model to such a row may be a placeholder.
    """
    if all(tier.local_only is None for tier in tiers):
        return weight
    stays = np.isneginf(held_back(np.zeros(tiers[0].n_rows), tiers))
    return np.where(stays, 0.0, 1.0 if weight is None else weight)
