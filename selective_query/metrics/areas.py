"""One number for a whole deferral curve."""

from selective_query.metrics.ranked import RankedOutcomes


def deferral_area(score, base_utility, global_utility=None, sample_weight=None):
    """Area under hybrid accuracy over coverage, from 0 to 1: mean accuracy.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import deferral_area
    >>> deferral_area([1, 0], [0, 1], [1, 1])
    0.875
    """
    ranked = RankedOutcomes(score, base_utility, global_utility, sample_weight)
    return ranked.curve.deferral_area()


def normalised_deferral_area(
    score, base_utility, global_utility=None, sample_weight=None, *, oracle_stops=False
):
    r"""Area under the deferral curve, from 0 at a random order to 1 at the oracle's.

    .. math:: \frac{A - A_{random}}{A_{oracle} - A_{random}}, \qquad
       A_{random} = \frac{u_b + u_g}{2}

    with the mean utilities of base and global alone.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional
    oracle_stops : bool, default=False
        By default the oracle ranks by the true benefit and, like any finite score,
        uses each query rate in full, also where queries do harm. So 1 is the best
        order, and only a rule with infinite scores can pass it. If True the oracle
        stops where no query helps; then rules that stop are bounded by 1 as well.

    Returns
    -------
    float
        Below 0 for an order worse than random; nan where all orders are alike.

    Raises
    ------
    ValueError
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import normalised_deferral_area
    >>> base, global_ = [0, 1, 1, 1], [1, 1, 0, 1]
    >>> normalised_deferral_area([1, 0, -1, 0], base, global_)
    1.0
    >>> normalised_deferral_area([0, 0, 0, 0], base, global_)
    0.0
    """
    ranked = RankedOutcomes(score, base_utility, global_utility, sample_weight)
    return ranked.normalised_deferral_area(oracle_stops=oracle_stops)
