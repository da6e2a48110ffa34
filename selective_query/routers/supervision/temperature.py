"""Temperature scaling: calibrate probabilities with a single number."""

import numpy as np
from scipy.optimize import minimize_scalar

from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers.supervision._class_mass import (
    class_probability,
    columns_of,
)

# Vote shares of a forest may be zero, and no temperature corrects their logarithm.
FLOOR = 1e-6
LARGEST = 20.0


def tempered(proba, temperature):
    r"""Probabilities at another temperature, renormalised.

    .. math:: p_k^{(T)} = p_k^{1/T} \Big/ \sum_j p_j^{1/T}

    Probabilities below 10^-6 count as 10^-6. For top-k probabilities, the remaining
    mass is assumed to be spread evenly; the result lists the same classes.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes) or TopKProba
    temperature : float
        Above 1 flattens, below 1 sharpens.

    Returns
    -------
    ndarray of shape (n_samples, n_classes) or TopKProba

    Raises
    ------
    ValueError
        If the temperature is not a finite positive number.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.routers.supervision import tempered
    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"temperature must be a finite number > 0. Got {temperature!r}."
        )
    if temperature == 1:
        return proba
    if not isinstance(proba, TopKProba):
        power = np.maximum(proba.astype(float), FLOOR) ** (1 / temperature)
        return power / power.sum(axis=1, keepdims=True)
    listed = proba.proba.astype(float)
    n_rest = proba.n_classes - listed.shape[1]
    even = np.maximum(1 - listed.sum(axis=1), 0) / max(n_rest, 1)
    power = np.maximum(listed, FLOOR) ** (1 / temperature)
    rest = n_rest * np.maximum(even, FLOOR * (even > 0)) ** (1 / temperature)
    power /= (power.sum(axis=1) + rest)[:, None]
    return TopKProba(proba.classes, power, proba.n_classes)


def fit_temperature(outcomes):
    r"""The temperature at which the global's probabilities best explain the labels.

    .. math:: \min_T \; -\sum_i w_i \log p_g^{(T)}(y_i \mid x_i)

    Fit it on labelled rows, and pass the number to :func:`soft_outcomes` for rows that
    may have no labels. Do not use rows that results are reported on.

    Parameters
    ----------
    outcomes : Outcomes
        With ``y`` and ``global_proba``.

    Returns
    -------
    float
        Between 1/20 and 20.

    Raises
    ------
    MissingEvidenceError
        If ``y`` or ``global_proba`` is missing.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import fit_temperature
    >>> sure = [[0.99, 0.01]] * 4
    >>> outcomes = Outcomes(base_proba=sure, global_proba=sure, y=[0, 0, 0, 1])
    >>> round(fit_temperature(outcomes), 2)
    4.18
    """
    proba = outcomes.require("global_proba", "fit_temperature")
    label = columns_of(outcomes.require("y", "fit_temperature"), outcomes.classes)

    def loss(log_temperature):
        p = class_probability(tempered(proba, np.exp(log_temperature)), label)
        return -outcomes.weight @ np.log(np.maximum(p, FLOOR))

    bound = np.log(LARGEST)
    found = minimize_scalar(loss, bounds=(-bound, bound), method="bounded")
    return float(np.exp(found.x))
