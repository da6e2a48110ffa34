"""Inputs of the constrained router's net, and the choice of its held-out rows."""

from functools import lru_cache

import numpy as np

from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers._evidence_columns import layout_of
from selective_query.routers.steps import Steps

# A spread this small relative to the mean is single-precision rounding.
ROUNDING = 1e-7


def net_inputs(evidence, n_top):
    """Confidences first, then logits and features, or a numeric `X` if all are missing.

    All inputs pass through single precision, so that the same evidence in single or
    double precision gives the same decisions.

    Parameters
    ----------
    evidence : Evidence
    n_top : int
        Number of largest probabilities to compare.

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_columns)
    n_confidence : int
        Number of columns that are confidences.

    Raises
    ------
    MissingEvidenceError
        If there is no numeric evidence.
    """
    steps = Steps(input_steps(layout_of_net(evidence), n_top))
    inputs = steps.program("ConstrainedRouter").table(evidence)
    return inputs, 1 + n_top * (n_top - 1) // 2 if n_top else 0


def layout_of_net(evidence):
    """Kinds of evidence that the net reads, including logits of any width."""
    return layout_of(evidence, most_logits=np.inf)


@lru_cache(maxsize=64)
def input_steps(layout, n_top):
    """Steps that compute the columns of the net, as in `net_inputs`.

    Entropy, and the differences of all pairs of top probabilities, then the rest.
    """
    steps, columns = Steps(), []
    for part, width in layout:
        table = steps.add("apply", steps.read(part, width), function="single")
        if part != "base_proba":
            columns.append(table)
            continue
        columns.append(steps.add("reduce", table, function="entropy"))
        if n_top > 1:
            top = steps.add("top", table, k=n_top)
            columns.append(steps.add("pairs", top))
    if len(columns) > 1:
        steps.add("concatenate", *columns)
    return tuple(steps)


def n_top(proba, k):
    """Number of top probabilities to compare, at most k."""
    if proba is None:
        return 0
    known = proba.proba if isinstance(proba, TopKProba) else proba
    return min(k, known.shape[1])


def moments(inputs, weight):
    """Weighted mean and standard deviation of each column, infinite for constants."""
    share = weight / weight.sum()
    centre = share @ inputs
    scale = np.sqrt(share @ (inputs - centre) ** 2)
    scale[scale <= ROUNDING * np.abs(centre)] = np.inf
    return centre, scale


def linear_guess(inputs, label, weight):
    """Ridge regression of the label, shape (n_samples,)."""
    design = np.column_stack([np.ones(len(inputs)), inputs])
    weighted = design * weight[:, None]
    penalty = np.diag(np.full(design.shape[1], 10.0))
    return design @ np.linalg.solve(weighted.T @ design + penalty, weighted.T @ label)


def spread_evenly(values, share, random):
    """Mask of a share of the rows, spread evenly over the sorted values.

    The selected rows then differ less from the others than a random selection would.
    """
    order = np.argsort(values, kind="stable")
    n_chosen = min(max(round(share * len(values)), 1), len(values) - 2)
    chosen = (np.arange(n_chosen) + random.uniform()) * len(values) / n_chosen
    mask = np.zeros(len(values), dtype=bool)
    mask[order[chosen.astype(int)]] = True
    return mask
