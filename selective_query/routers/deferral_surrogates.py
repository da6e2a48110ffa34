"""Surrogate losses of learning to defer, for fixed base and global."""

from selective_query.routers._logistic import LogisticRouter


class CrossEntropyDeferralRouter(LogisticRouter):
    r"""Query where P(global right) exceeds the base's confidence (softmax surrogate).

    The loss LCE of Mozannar and Sontag applies one softmax to the base's classes and a
    deferral label,

    .. math:: -\log \frac{e^{f_y}}{\sum_k e^{f_k} + e^{f_\perp}}
              - u_g \log \frac{e^{f_\perp}}{\sum_k e^{f_k} + e^{f_\perp}} .

    With the base fixed, :math:`f_k = \log p_k(x)` and only :math:`f_\perp` is learned.
    This reduces to a logistic regression in which each row counts as kept with weight 1
    and as queried with weight :math:`u_g`, and whose minimiser is :math:`f_\perp = \log
    E[u_g \mid x]`. The rule defers where the deferral label wins:

    .. math:: s(x) = f_\perp(x) - \max_k \log p_k(x)

    It does not learn from the base's errors: it trusts the base's confidence.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf leaves only confidence. None chooses
        among 1, 10, 100, 1000 and inf by held-out likelihood.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
        None with more than 64 classes.
    alpha_ : float
        The chosen or given penalty.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    References
    ----------
    Mozannar and Sontag, "Consistent estimators for learning to defer to an expert",
    ICML 2020.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import CrossEntropyDeferralRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> CrossEntropyDeferralRouter().fit_score(outcomes).shape
    (500,)
    """

    required_evidence = ("base_proba",)
    beats = "log_confidence"

    def _task(self, outcomes, design):
        outcomes.require("base_proba", type(self).__name__)
        right = outcomes.query_utility
        return right / (1 + right), outcomes.weight * (1 + right)


class OneVsAllDeferralRouter(LogisticRouter):
    r"""Query where P(global right) exceeds the base's confidence by most.

    The loss OvA of Verma and Nalisnick trains one sigmoid for each class and one for
    "the global is right". With the base fixed, its confidence replaces the class
    sigmoids, which leaves a logistic regression of whether the global is right:

    .. math:: s(x) = \hat P(g(x) = y \mid x) - \max_k p_k(x)

    The score is in units of benefit if the base is calibrated, which is not ensured
    here; :class:`BenefitRouter` learns the difference itself.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf leaves only confidence. None chooses
        among 1, 10, 100, 1000 and inf by held-out likelihood.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
        None with more than 64 classes.
    alpha_ : float
        The chosen or given penalty.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    References
    ----------
    Verma and Nalisnick, "Calibrated learning to defer with one-vs-all classifiers",
    ICML 2022.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import OneVsAllDeferralRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> OneVsAllDeferralRouter().fit_score(outcomes).shape
    (500,)
    """

    required_evidence = ("base_proba",)
    is_chance = True
    beats = "confidence"

    def _task(self, outcomes, design):
        outcomes.require("base_proba", type(self).__name__)
        return outcomes.query_utility, outcomes.weight
