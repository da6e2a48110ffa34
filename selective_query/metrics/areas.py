"""Single-number metrics of a ranking: areas under its curves."""

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
        If shapes differ, a score is NaN, or utilities or weights are out of range.

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
    r"""Area under the deferral curve, scaled to 0 for a random order and 1 for the
    oracle.

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
        By default, the oracle ranks by the true benefit and, like any finite score,
        uses each query rate in full, even where queries do harm. 1 is then the best
        possible order, and only a rule with infinite scores can exceed it. If True, the
        oracle stops where no query helps; then rules that stop cannot exceed 1 either.

    Returns
    -------
    float
        Below 0 for an order worse than random; nan if all orders are equally good.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

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

    The probability that a random input on which a query helps scores higher than a
    random other input, counting ties by half. For right and wrong answers, the label is
    that of the paper, :math:`o = 1\{b \ne y,\ g = y\}`; for graded utilities it is
    :math:`1\{u_g > u_b\}`. Without a global, this is the detection of the base's
    errors.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first; infinite scores rank like finite ones.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        nan if a query helps on every input or on none.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

    Notes
    -----
    It treats an input that a query harms like one that a query leaves unchanged, so of
    two routers, the one with the lower value can make the better hybrid. The deferral
    area does not have this weakness.

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

    where E(c) is the mean loss over all inputs that falls on the share c that the base
    is most confident about; within a tied group, E is linear. The integral is exact:
    weights act as repeated rows, and repeating all rows changes nothing.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In [0, 1], lower is better; nan if scores of plus infinity leave no row to
        answer.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

    Notes
    -----
    Other definitions join the points (c, E(c) / c) by straight lines, or average the
    selective risk over c = 1/n, 2/n, ..., 1. They differ from the integral by terms of
    order 1/n; the user guide shows how to compute them.

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
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional
    optimum : {"order", "closed_form"}, default="order"
        What to subtract: the area of the best order of these rows, so that a perfect
        ranking gives 0, or :math:`r + (1 - r) \ln(1 - r)` with the mean loss r. The two
        are equal if answers are right or wrong; the second is too small for graded
        utilities.

    Returns
    -------
    float
        nan if the area is.

    Raises
    ------
    ValueError
        If optimum is unknown, shapes differ, a score is NaN, or utilities or weights
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

    where E(c) is the mean loss over **all** inputs that falls on the share c that the
    base is most confident about: the probability that an input is answered, and
    answered wrongly. For answers that are right or wrong, it equals :math:`(1 -
    A)\,a\,(1 - a) + (1 - a)^2 / 2`, with the accuracy a and the area A under the ROC
    curve of the score as a detector of errors.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In [0, 1/2] for finite scores, lower is better. Never nan: if nothing is
        answered, nothing is wrong.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

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
