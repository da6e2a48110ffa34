"""Frozen models that were trained for something else than these rows."""

import numpy as np

from selective_query._utils.validation import warn_user
from selective_query.exceptions import ModelWarning

# So far below the constant that it is no chance, which has chosen the best of many.
N_STANDARD_ERRORS = 4
# Below, a standard error is no measure of chance.
ENOUGH_ROWS = 30


def warn_of_weak_models(outcomes, sides):
    """Warn of each model whose accuracy is below that of one answer for all rows.

    Parameters
    ----------
    outcomes : Outcomes
        On rows that the models were not fitted on.
    sides : dict of str to bool
        Whether "base_estimator" and "global_estimator" came frozen.
    """
    if outcomes.y is None or (outcomes.weight > 0).sum() < ENOUGH_ROWS:
        return
    weight = outcomes.weight
    labels, place = np.unique(outcomes.y, return_inverse=True)
    most_common = np.bincount(place, weights=weight).argmax()
    constant = (place == most_common).astype(float)
    for who, right in (
        ("base_estimator", outcomes.base_utility),
        ("global_estimator", outcomes.answer_if_queried),
    ):
        if sides.get(who) and _is_below(right, constant, weight):
            warn_user(
                f"{who} is right about {np.average(right, weights=weight):.1%} of the "
                f"{outcomes.n_rows} calibration rows, and the same answer "
                f"{labels.tolist()[most_common]!r} for every row about "
                f"{np.average(constant, weights=weight):.1%}. Check that its labels "
                "mean what those in y do, and that its inputs are prepared as in its "
                "training.",
                ModelWarning,
            )


def _is_below(right, constant, weight):
    lead = constant - right
    mean = np.average(lead, weights=weight)
    error = np.sqrt((weight**2 * (lead - mean) ** 2).sum()) / weight.sum()
    return mean > N_STANDARD_ERRORS * error
