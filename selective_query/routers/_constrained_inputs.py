"""Evidence as the constrained router's net takes it, and how its rows are held out."""

from functools import lru_cache

import numpy as np

from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers._evidence_columns import layout_of
from selective_query.routers.steps import Steps

# A spread this small beside the mean is rounding in single precision.
ROUNDING = 1e-7


def net_inputs(evidence, n_top):
    """Confidences first, then logits and features, or a numeric `X` where all lack.

    Everything passes through single precision, so that the same evidence in either
    precision gives the same decisions.

    Parameters
    ----------
    evidence : Evidence
    n_top : int
        How many of the largest probabilities to compare.

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_columns)
    n_confidence : int
        How many columns are confidences.

    Raises
    ------
    MissingEvidenceError
        When there is nothing numeric.
    """
    steps = Steps(input_steps(layout_of_net(evidence), n_top))
    inputs = steps.program("ConstrainedRouter").table(evidence)
    return inputs, 1 + n_top * (n_top - 1) // 2 if n_top else 0


def layout_of_net(evidence):
    """Kinds of evidence that the net takes, logits of any width among them."""
    return layout_of(evidence, most_logits=np.inf)


@lru_cache(maxsize=64)
def input_steps(layout, n_top):
    """Steps that make the columns of the net: those of `net_inputs`.

    Entropy, and the differences of all pairs of the top probabilities, then the rest.
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
    """How many top probabilities there are to compare, at most k."""
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
    """A ridge regression of the label, shape (n_samples,)."""
    design = np.column_stack([np.ones(len(inputs)), inputs])
    weighted = design * weight[:, None]
    penalty = np.diag(np.full(design.shape[1], 10.0))
    return design @ np.linalg.solve(weighted.T @ design + penalty, weighted.T @ label)


def spread_evenly(values, share, random):
    """Mask of a share of the rows, spread evenly over the sorted values.

    So the chosen rows differ less from the others than rows chosen by chance would.
    """
    order = np.argsort(values, kind="stable")
    n_chosen = min(max(round(share * len(values)), 1), len(values) - 2)
    chosen = (np.arange(n_chosen) + random.uniform()) * len(values) / n_chosen
    mask = np.zeros(len(values), dtype=bool)
    mask[order[chosen.astype(int)]] = True
    return mask
