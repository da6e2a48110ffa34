"""The realizable surrogate of learning to defer, for fixed base and global."""

import numpy as np
from scipy.special import expit, log_expit

from selective_query.routers._logistic import TINY, LogisticProblem, LogisticRouter
from selective_query.routers.supervision._class_mass import (
    class_probability,
    columns_of,
)


class RealizableDeferralRouter(LogisticRouter):
    r"""Query where a mixture of both sides favours the global over the base's
    confidence.

    The realizable surrogate of Mozannar et al. applies one softmax to the base's
    classes and a deferral label, as LCE does, but penalises a row only for what neither
    side gets right:

    .. math:: -\log \frac{e^{f_y} + u_g e^{f_\perp}}{\sum_k e^{f_k} + e^{f_\perp}}

    With the base fixed, :math:`f_k = \log p_k(x)`, and this is the negative
    log-likelihood of a mixture,

    .. math:: -\log\big((1 - q)\, p_y(x) + q\, u_g\big),
              \qquad q = \sigma(f_\perp(x)) .

    It is minimised by expectation maximisation; each step pulls q towards the global's
    share in the mixture. The loss is not convex in :math:`f_\perp`; the search starts
    from q = 1/2. The rule defers where the deferral label wins:

    .. math:: s(x) = f_\perp(x) - \max_k \log p_k(x)

    Its guarantee holds for classes of rules that contain a perfect rule. Without
    labels, the graded utility of the base's answer replaces :math:`p_y`.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns; inf leaves only confidence. None chooses
        among 1, 10, 100, 1000 and inf by held-out loss.

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
    Mozannar, Lang, Wei, Sattigeri, Das and Sontag, "Who should predict? Exact
    algorithms for learning to defer to humans", AISTATS 2023.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import RealizableDeferralRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> RealizableDeferralRouter().fit_score(outcomes).shape
    (500,)
    """

    required_evidence = ("base_proba",)
    beats = "log_confidence"

    def _problem(self, outcomes, design, penalty):
        outcomes.require("base_proba", type(self).__name__)
        return _MixtureProblem(
            design,
            penalty,
            base_chance=_chance_of_the_truth(outcomes),
            global_chance=outcomes.query_utility,
            weight=outcomes.weight,
        )


class _MixtureProblem(LogisticProblem):
    """Logistic regression of the side that an outcome comes from."""

    max_steps = 200  # expectation maximisation takes smaller steps than Newton's method

    def __init__(self, design, penalty, *, base_chance, global_chance, weight):
        super().__init__(design, penalty, None, weight)
        with np.errstate(divide="ignore"):
            self.log_base = np.log(np.maximum(base_chance, TINY))
            self.log_global = np.log(global_chance)

    def losses(self, predictor, rows):
        kept = log_expit(-predictor) + self.log_base[rows]
        return -np.logaddexp(kept, log_expit(predictor) + self.log_global[rows])

    def pulled_to(self, predictor, rows):
        return expit(predictor + self.log_global[rows] - self.log_base[rows])


def _chance_of_the_truth(outcomes):
    """The base's probability of the true label, or its utility without labels."""
    if outcomes.y is None:
        return outcomes.base_utility
    column = columns_of(outcomes.y, outcomes.classes)
    return class_probability(outcomes.base_proba, column)
