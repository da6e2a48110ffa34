"""Surrogates of learning to defer, with base and global as they are."""

from selective_query.routers._logistic import LogisticRouter


class CrossEntropyDeferralRouter(LogisticRouter):
    r"""Query where the chance that the global is right exceeds the base's confidence.

    The loss LCE of Mozannar and Sontag gives the base's classes and a deferral label
    one softmax,

    .. math:: -\log \frac{e^{f_y}}{\sum_k e^{f_k} + e^{f_\perp}}
              - u_g \log \frac{e^{f_\perp}}{\sum_k e^{f_k} + e^{f_\perp}} .

    With the base fixed, :math:`f_k = \log p_k(x)` and only :math:`f_\perp` is left to
    learn. It reduces to a logistic regression in which each row counts as kept with
    weight 1 and as queried with weight :math:`u_g`, whose minimiser is
    :math:`f_\perp = \log E[u_g \mid x]`. The rule defers where the deferral label wins:

    .. math:: s(x) = f_\perp(x) - \max_k \log p_k(x)

    The base's own errors teach it nothing: it trusts the base's confidence.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf leaves confidence alone. None
        chooses among 1, 10, 100, 1000 and inf by held-out likelihood.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
        None with more than 64 classes.
    alpha_ : float
        The penalty in use.
    layout_ : tuple of (str, int)
        Kinds of evidence, and how wide each is.

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
    "the global is right". With the base fixed its confidence takes the place of the
    class sigmoids, and what is left is a logistic regression of whether the global is
    right:

    .. math:: s(x) = \hat P(g(x) = y \mid x) - \max_k p_k(x)

    In units of benefit as far as the base is calibrated, which nothing here sees to;
    :class:`BenefitRouter` learns the difference itself.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf leaves confidence alone. None
        chooses among 1, 10, 100, 1000 and inf by held-out likelihood.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
        None with more than 64 classes.
    alpha_ : float
        The penalty in use.
    layout_ : tuple of (str, int)
        Kinds of evidence, and how wide each is.

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
