"""The benefit router: a regression of the benefit of a query."""

from selective_query.routers._evidence_columns import (
    add_class_effect,
    evidence_columns,
    linear_steps,
)
from selective_query.routers._ridge import (
    RidgeProblem,
    check_penalty,
    column_penalty,
    standardised,
)
from selective_query.routers.base import SelfScoringRouter
from selective_query.routers.supervision.named import is_in_benefit_units, supervise


class BenefitRouter(SelfScoringRouter):
    r"""Query where the expected benefit, global utility minus base utility, is largest.

    A ridge regression of the benefit on the evidence, plus a shrunken effect of the
    predicted class:

    .. math:: s(x) = w_0 + w_1 (1 - \max_k p_k) + w^\top \phi(x) + u_{\hat y(x)}

    with confidences, logits and base features in :math:`\phi`. The intercept and the
    first term are not penalised, and :math:`w_1` is constrained to be positive, so that
    strong shrinkage leaves max-probability even if a few rows suggest otherwise by
    chance. Both penalties are chosen by cross-validated squared error along the folds
    of the outcomes. Scores are in units of benefit.

    For fixed models, the best hybrid queries the inputs with the largest conditional
    benefit (Jitkrittum et al., "When does confidence-based cascade deferral suffice?",
    NeurIPS 2023); the regression of the difference is their post-hoc rule Diff-01.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns, in rows, at least 0; inf leaves
        max-probability. None chooses among 1, 10, ..., 10^4 and inf.
    class_smoothing : float or None, default=None
        Number of rows of a predicted class at which its effect is shrunk by half, at
        least 0; inf switches the effect off. A class that was never predicted has no
        effect. None chooses among 10, 100 and inf.
    supervision : str or callable, default="benefit"
        Target to learn instead of the benefit from labels, for example "soft", which
        needs no labels; see :func:`~selective_query.routers.supervision.supervise`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
    alpha_, class_smoothing_ : float
        The chosen or given penalties.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import BenefitRouter
    >>> sample = make_selective_query(500, regime="specialist", random_state=0)
    >>> router = BenefitRouter().fit(sample.outcomes)
    >>> router.query_score(sample.outcomes.evidence).shape
    (500,)
    """

    _reads_columns = True

    def __init__(self, alpha=None, class_smoothing=None, supervision="benefit"):
        self.alpha = alpha
        self.class_smoothing = class_smoothing
        self.supervision = supervision

    @property
    def in_benefit_units(self):
        return is_in_benefit_units(self.supervision)

    def program(self):
        self._check_fitted()
        steps = linear_steps(self.layout_, self.coef_, self.intercept_)
        add_class_effect(steps, len(steps) - 1, self.class_effect_)
        return steps.program("BenefitRouter")

    def _fit(self, outcomes):
        """Fit, and return out-of-fold scores of each row."""
        problem, score = self._fit_problem(outcomes)
        return problem.held_out(self.alpha_, self.class_smoothing_, score)

    def _fit_problem(self, outcomes):
        """Fit, and return the solved RidgeProblem and the score of each row."""
        for name in ("alpha", "class_smoothing"):
            check_penalty(getattr(self, name), name)
        outcomes = supervise(outcomes, self.supervision)
        columns, self.layout_ = evidence_columns(outcomes)
        design, centre, scale = standardised(columns, outcomes.weight)
        problem = RidgeProblem(design, column_penalty(design, outcomes), outcomes)
        choice = problem.choose(self.alpha, self.class_smoothing)
        self.alpha_, self.class_smoothing_ = choice.alpha, choice.class_smoothing
        weights, self.class_effect_, score = problem.fit_all(*choice[1:3])
        self.coef_ = weights[1:] / scale
        self.intercept_ = float(weights[0] - centre @ self.coef_)
        return problem, score
