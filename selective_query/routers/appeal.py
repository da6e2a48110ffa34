"""The predictor head of AppealNet, for fixed models."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from selective_query._utils.numbers import check_positive
from selective_query.routers._evidence_columns import evidence_columns, linear_steps
from selective_query.routers._table import centre_and_scale
from selective_query.routers.base import BaseRouter

# Keeps the intercept finite if no row favours a query.
INTERCEPT_PENALTY = 1e-6


class AppealRouter(BaseRouter):
    r"""Query where a head trained with AppealNet's loss would appeal.

    The head outputs the probability :math:`q(x) = \sigma(w_0 + w^\top \phi(x))` that an
    input is kept. Its loss is the loss of the answering model plus a price for appeals:

    .. math:: E\big[\, q\,\ell_b + (1 - q)\,\ell_g - \beta \log q \,\big]
              + \frac{\alpha}{2 n} \lVert w \rVert^2

    with :math:`\ell` one minus the utility. Without a global, :math:`\ell_g` is 0, as
    in the paper's black-box setting. The score is minus the logit of q.

    AppealNet trains the head together with the base, as a net on its features and with
    cross-entropies. Here the models are fixed, the head is linear, and losses are those
    of the answers. Pointwise, the minimum is :math:`q = \min(1, \beta / \bar b(x))`
    with the conditional benefit :math:`\bar b`: the head does not distinguish inputs
    with a benefit below :math:`\beta`, and ranks the others by their benefit. It
    differs from a logistic regression of the base's correctness: both lose :math:`-\log
    q` on a right row, but a wrong row costs q instead of :math:`-\log(1 - q)`, so
    single rows have less influence.

    Parameters
    ----------
    beta : float, default=0.1
        Price of an appeal, above 0. A larger value keeps more inputs, and distinguishes
        fewer.
    alpha : float, default=10.0
        Ridge penalty on standardised columns, in rows, above 0.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    Notes
    -----
    The loss is not convex for beta below 1. The descent starts at q = 1/2 everywhere
    and is deterministic, but may end in a local minimum.

    References
    ----------
    Li, Li, Tian, Jiang and Xu, "AppealNet: an efficient and highly-accurate edge/cloud
    collaborative architecture for DNN inference", DAC 2021.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import AppealRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> AppealRouter().fit(outcomes).query_score(outcomes.evidence).shape
    (500,)
    """

    learns = True
    _reads_columns = True

    def __init__(self, beta=0.1, alpha=10.0):
        self.beta = beta
        self.alpha = alpha

    def fit(self, outcomes):
        for name in ("beta", "alpha"):
            check_positive(getattr(self, name), name)
        columns, self.layout_ = evidence_columns(outcomes)
        columns = columns.astype(float)
        used = outcomes.weight > 0
        weight = outcomes.weight[used]
        centre, scale = centre_and_scale(columns[used], weight)
        design = np.ones((len(weight), len(centre) + 1))
        design[:, 1:] = (columns[used] - centre) / scale
        loss = _Loss(
            design, outcomes.benefit[used], weight, float(self.beta), float(self.alpha)
        )
        weights = loss.minimised()
        self.coef_ = -weights[1:] / scale
        self.intercept_ = float(-weights[0] - centre @ self.coef_)
        return self

    def program(self):
        self._check_fitted()
        steps = linear_steps(self.layout_, self.coef_, self.intercept_)
        return steps.program("AppealRouter")


class _Loss:
    """Mean loss of the head, its gradient and its curvature."""

    def __init__(self, design, benefit, weight, beta, alpha):
        self.design = design
        self.benefit = benefit
        self.share = weight / weight.sum()
        self.beta = beta
        self.penalty = np.full(design.shape[1], alpha / weight.sum())
        self.penalty[0] = INTERCEPT_PENALTY * beta

    def minimised(self):
        found = minimize(
            self,
            np.zeros(self.design.shape[1]),
            jac=True,
            hessp=self.curvature,
            method="trust-ncg",
            options={"gtol": 1e-10, "maxiter": 500},
        )
        return found.x

    def __call__(self, weights):
        logit = self.design @ weights
        q = expit(logit)
        loss = self.share @ (self.benefit * q + self.beta * np.logaddexp(0, -logit))
        slope = self.benefit * q * (1 - q) - self.beta * (1 - q)
        gradient = self.design.T @ (self.share * slope) + self.penalty * weights
        return loss + self.penalty @ weights**2 / 2, gradient

    def curvature(self, weights, direction):
        q = expit(self.design @ weights)
        bend = q * (1 - q) * (self.benefit * (1 - 2 * q) + self.beta)
        along = self.share * bend * (self.design @ direction)
        return self.design.T @ along + self.penalty * direction
