"""How well a score tells the inputs that a query mends from the others."""

from selective_query.metrics.ranked import RankedOutcomes


def router_auroc(score, base_utility, global_utility=None, sample_weight=None):
    r"""Area under the ROC curve of the score against "a query gains".

    The chance that a random input on which a query gains scores higher than a random
    one of the others, ties counting half. For right and wrong answers the label is the
    paper's, :math:`o = 1\{b \ne y,\ g = y\}`; for graded utilities it is
    :math:`1\{u_g > u_b\}`. Without a global it is the detection of the base's errors.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first; infinities rank as numbers do.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        nan where a query gains on every input or on none.

    Raises
    ------
    ValueError
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    Notes
    -----
    It treats an input that a query spoils like one that it leaves as it is, so of two
    routers the one with the lower value can be the better hybrid. The deferral area
    does not have this fault.

    References
    ----------
    Kag et al., "Efficient edge inference by selective query", ICLR 2023 (the label).

    Examples
    --------
    >>> from selective_query.metrics import router_auroc
    >>> router_auroc([3, 2, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1])
    0.75
    """
    ranked = RankedOutcomes(score, base_utility, global_utility, sample_weight)
    return ranked.router_auroc
