"""How much of the gap between base and global a share of queries recovers."""

from selective_query.metrics.ranked import RankedOutcomes


def pgr(score, base_utility, global_utility=None, *, query_rate, sample_weight=None):
    r"""Performance gap recovered at exactly this query rate.

    .. math:: \mathrm{PGR}(q) = \frac{u(q) - u_b}{u_g - u_b}

    with the mean utility u(q) of the hybrid and those of base and global alone.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    query_rate : float or array-like
        Share of inputs that are queried, in [0, 1]: one minus the coverage.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        Above 1 if the hybrid is better than the global; nan if the global is not better
        than the base.

    Raises
    ------
    ValueError
        If query_rate lies outside [0, 1], shapes differ, a score is NaN, or utilities
        or weights are out of range.

    References
    ----------
    Ong et al., "RouteLLM: learning to route LLMs with preference data", 2024
    (arXiv 2406.18665).

    Examples
    --------
    >>> from selective_query.metrics import pgr
    >>> float(pgr([3, 2, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1], query_rate=0.25))
    0.5
    """
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.curve.pgr_at(query_rate)


def apgr(score, base_utility, global_utility=None, *, sample_weight=None):
    r"""Average performance gap recovered, over all query rates.

    .. math:: \int_0^1 \mathrm{PGR}(q)\,dq = \frac{A - u_b}{u_g - u_b}

    with the deferral area A. A random order gives 1/2.

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
        nan if the global is not better than the base.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

    References
    ----------
    Ong et al., "RouteLLM: learning to route LLMs with preference data", 2024 (arXiv
    2406.18665), who average over ten query rates.

    Examples
    --------
    >>> from selective_query.metrics import apgr
    >>> apgr([1, 0], [0, 1], [1, 1])
    0.75
    """
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.curve.apgr()


def cpt(score, base_utility, global_utility=None, *, recovered, sample_weight=None):
    """Call-performance threshold: the smallest query rate that recovers a given share.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    recovered : float or array-like
        Share of the gap between base and global, for example 0.8.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        A query rate in [0, 1]; within a tied group or a row it is interpolated
        linearly. nan if the rule never recovers this share, or the global is not better
        than the base.

    Raises
    ------
    ValueError
        If recovered is NaN, shapes differ, a score is NaN, or utilities or weights are
        out of range.

    References
    ----------
    Ong et al., "RouteLLM: learning to route LLMs with preference data", 2024
    (arXiv 2406.18665).

    Examples
    --------
    >>> from selective_query.metrics import cpt
    >>> cpt([3, 2, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1], recovered=0.5)
    0.25
    """
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.curve.cpt(recovered)
