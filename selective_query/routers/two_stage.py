"""The two-stage surrogate of learning to defer: a weighted comparison of both sides."""

import numpy as np

from selective_query._utils.numbers import check_number, is_number
from selective_query.routers._logistic import LogisticRouter
from selective_query.routers._ridge import RidgeProblem, column_penalty

USUAL_COST = 0.2
# Range for a price that is derived from a regression.
COSTS = (0.02, 0.98)


class TwoStageRouter(LogisticRouter):
    r"""Query where the global is better by more than a query costs.

    For fixed models and a cost c of a query, the surrogate of Mao, Mohri and Zhong
    charges each row :math:`(1 - c_k) \, \ell(r, x, k)` for each side k. With logistic
    loss, and without the common part of both sides' weights, it is a logistic
    regression of which side is better, weighted by the difference:

    .. math:: \min_s \sum_i \lvert\delta_i\rvert \,
              \log\big(1 + e^{-\operatorname{sign}(\delta_i)\, s(x_i)}\big),
              \qquad \delta = u_g - u_b - c

    whose minimiser is
    :math:`s(x) = \log E[\delta_+ \mid x] - \log E[\delta_- \mid x]`: positive exactly
    where the expected benefit exceeds c. The common part does not affect this sign; it
    only adds noise. The score is the log-odds; zero means that a query just pays its
    cost.

    Parameters
    ----------
    query_cost : float or None, default=None
        The cost c of a query in units of benefit, in [0, 1). None uses the price at
        which a linear regression of the benefit would reach the target coverage, at
        least 0.02, so that the sign of the score is learned where the cut will be;
        without a target, 0.2. Near 0, rows on which both sides agree have no influence,
        and the ranking gets worse.
    target_coverage : float or None, default=None
        Share of inputs that the base answers. ``HybridClassifier`` and
        ``RoutingPolicy`` fill in their own.
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf ranks like max-probability. None
        chooses among 1, 10, 100, 1000 and inf by held-out likelihood.

    Attributes
    ----------
    query_cost_ : float
        The chosen or given cost.
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
    Mao, Mohri and Zhong, "Two-stage learning to defer with multiple experts", NeurIPS
    2023.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import TwoStageRouter
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> router = TwoStageRouter(target_coverage=0.7).fit(outcomes)
    >>> kept = router.query_score(outcomes.evidence) <= 0
    >>> bool(abs(kept.mean() - 0.7) < 0.1)
    True
    """

    rises_with_doubt = True

    def __init__(self, query_cost=None, target_coverage=None, alpha=None):
        super().__init__(alpha=alpha)
        self.query_cost = query_cost
        self.target_coverage = target_coverage

    def _task(self, outcomes, design):
        self.query_cost_ = self._price(outcomes, design)
        lead = outcomes.benefit - self.query_cost_
        return (lead > 0).astype(float), outcomes.weight * np.abs(lead)

    def _price(self, outcomes, design):
        if self.query_cost is not None:
            if not (is_number(self.query_cost) and 0 <= self.query_cost < 1):
                raise ValueError(
                    "query_cost must be in [0, 1), in units of benefit, or None. Got "
                    f"{self.query_cost!r}."
                )
            return float(self.query_cost)
        if self.target_coverage is None:
            return USUAL_COST
        check_number(self.target_coverage, "target_coverage", 0, 1)
        penalty = column_penalty(design, outcomes)
        score = RidgeProblem(design, penalty, outcomes).choose(None, np.inf)
        order = np.argsort(score.held_out_score)
        reached = np.cumsum(outcomes.weight[order])
        place = np.searchsorted(reached, self.target_coverage * reached[-1])
        price = score.held_out_score[order[min(place, len(order) - 1)]]
        return float(np.clip(price, *COSTS))
