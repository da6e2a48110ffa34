"""How far new data fall short of what calibration rows just meet."""

import numpy as np

# What is met by so many standard errors is seldom missed by new data.
ROOM = 2.0


def standard_error(values, weight, worth):
    """Standard error of a weighted mean.

    Parameters
    ----------
    values, weight : ndarray of shape (n_samples,)
    worth : float
        How many rows a unit of weight is worth.

    Returns
    -------
    float
    """
    n = weight.sum()
    if not n:
        return np.nan
    variance = weight @ (values - weight @ values / n) ** 2 / n
    return float(np.sqrt(variance / (n * worth)))


def short_by(lead, error):
    """By how much new data fall short where they do; None where they seldom do.

    A threshold that just meets a budget on the rows that it comes from falls short of
    it on new ones about every second time, by about a standard error, which is given to
    three digits.

    Parameters
    ----------
    lead : float
        By how much the rows meet it.
    error : float
        Standard error of the lead; nan where it is not known.

    Returns
    -------
    float or None
    """
    return None if lead >= ROOM * error else float(f"{error:.3g}")
