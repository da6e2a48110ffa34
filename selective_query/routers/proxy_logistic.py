"""A regularised logistic regression of the paper's label."""

from selective_query.routers._logistic import LogisticRouter


class ProxyLogisticRouter(LogisticRouter):
    r"""Query where only the global is likely to be right.

    A logistic regression of the label of Kag et al., :math:`o = 1\{b(x) \ne g(x) = y\}`
    (``Outcomes.proxy_label``), on the evidence and the predicted class:

    .. math:: s(x) = \sigma\big(\beta_0 + \beta_1 (1 - \max_k p_k)
              + \beta^\top \phi(x) + u_{\hat y(x)}\big) \approx P(o = 1 \mid x)

    with :math:`\beta_1` above 0. It ignores inputs on which only the base is right, so
    zero does not mark where queries stop paying off. Graded answers give labels between
    0 and 1.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf ranks like max-probability. None
        chooses among 1, 10, 100, 1000 and inf by held-out likelihood.

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
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import ProxyLogisticRouter
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> score = ProxyLogisticRouter().fit_score(outcomes)
    >>> bool(abs(score.mean() - outcomes.proxy_label.mean()) < 0.01)
    True
    """

    rises_with_doubt = True
    is_chance = True

    def _task(self, outcomes, design):
        return outcomes.proxy_label, outcomes.weight
