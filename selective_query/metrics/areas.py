"""One number for a whole ranking: areas under its curves."""

from selective_query.metrics.ranked import RankedOutcomes


def deferral_area(score, base_utility, global_utility=None, *, sample_weight=None):
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
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.curve.deferral_area()


def normalised_deferral_area(
    score, base_utility, global_utility=None, *, sample_weight=None, oracle_stops=False
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
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.normalised_deferral_area(oracle_stops=oracle_stops)


def router_auroc(score, base_utility, global_utility=None, *, sample_weight=None):
    r"""Area under the ROC curve of the score against "a query helps".

    The chance that a random input on which a query helps scores higher than a random
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
        nan where a query helps on every input or on none.

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
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.router_auroc


def aurc(score, base_utility, *, sample_weight=None):
    r"""Area under the risk-coverage curve: mean selective risk over all coverages.

    .. math:: \int_0^1 \frac{E(c)}{c}\,dc

    where E(c) is the mean loss over all inputs on the share c that the base is surest
    of, a straight line where a tie group is cut. The integral is exact: weights are
    repeated rows, and repeating all rows changes nothing.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less sure.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In [0, 1], lower is better; nan where scores of plus infinity keep no row.

    Raises
    ------
    ValueError
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    Notes
    -----
    Others join the points (c, E(c) / c) by straight lines, or take the mean of the
    selective risk over c = 1/n, 2/n, ..., 1. These differ from the integral by terms of
    order 1/n; the user guide shows how to get them.

    References
    ----------
    Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural
    classifiers", ICLR 2019 (as the mean over rows).

    Examples
    --------
    >>> from selective_query.metrics import aurc
    >>> round(aurc([1, 0], [0, 1]), 4)  # 1/2 + 1/2 ln 1/2
    0.1534
    >>> aurc([0, 0], [0, 1])
    0.5
    """
    return RankedOutcomes(score, base_utility, sample_weight=sample_weight).curve.aurc()


def e_aurc(score, base_utility, *, sample_weight=None, optimum="order"):
    r"""Excess AURC: the area minus that of a perfect ranking.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less sure.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional
    optimum : {"order", "closed_form"}, default="order"
        What is subtracted: the area of the rows in their best order, so that a perfect
        ranking gives 0, or :math:`r + (1 - r) \ln(1 - r)` with the mean loss r. The two
        are one where answers are right or wrong; the second is too small for graded
        utilities.

    Returns
    -------
    float
        nan where the area is.

    Raises
    ------
    ValueError
        When optimum is neither, shapes differ, a score is NaN, or utilities or weights
        are out of range.

    References
    ----------
    Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural
    classifiers", ICLR 2019.

    Examples
    --------
    >>> from selective_query.metrics import e_aurc
    >>> round(e_aurc([3, 2, 1, 0], [0, 1, 1, 1]), 12)
    0.0
    >>> e_aurc([0, 0, 0, 0], [0, 1, 1, 1]) > 0
    True
    """
    ranked = RankedOutcomes(score, base_utility, sample_weight=sample_weight)
    return ranked.e_aurc(optimum)


def augrc(score, base_utility, *, sample_weight=None):
    r"""Area under the generalised risk-coverage curve.

    .. math:: \int_0^1 E(c)\,dc

    where E(c) is the mean loss over **all** inputs on the share c that the base is
    surest of: the chance that an input is answered and answered wrongly. For answers
    that are right or wrong it is
    :math:`(1 - A)\,a\,(1 - a) + (1 - a)^2 / 2` with the accuracy a and the area A under
    the ROC curve of the score as a detector of errors.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less sure.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In [0, 1/2] for finite scores, lower is better. Never nan: where nothing is
        answered nothing is wrong.

    Raises
    ------
    ValueError
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    References
    ----------
    Traub et al., "Overcoming common flaws in the evaluation of selective
    classification systems", NeurIPS 2024 (arXiv 2407.01032).

    Examples
    --------
    >>> from selective_query.metrics import augrc
    >>> augrc([1, 0], [0, 1])
    0.125
    """
    return RankedOutcomes(
        score, base_utility, sample_weight=sample_weight
    ).curve.augrc()
