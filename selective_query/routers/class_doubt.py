"""The class doubt router: max-probability adjusted by effects of likely classes."""

import numpy as np

from selective_query.routers._class_roots import N_TOP, PENALTIES, ClassRoots
from selective_query.routers._evidence_columns import PROBA_AT, linear_steps
from selective_query.routers._held_out import held_out_scores
from selective_query.routers._ridge import check_penalty
from selective_query.routers.base import SelfScoringRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.supervision.named import is_in_benefit_units, supervise
from selective_query.routers.supervision.privileged import knows_both_sides

# A larger weight of the free columns gains nothing on many rows and loses on few.
LINEAR_SHARE = 0.25


class ClassDoubtRouter(SelfScoringRouter):
    r"""Query where max-probability and the most probable classes predict a gain.

    .. math:: s(x) = \tfrac34 \big(a_0 + a_1 (1 - \max_k p_k)\big)
              + \tfrac14 \big(w_0 + w^\top \phi(x)\big)
              + \sum_{k \le 5} \sqrt{p_{(k)}(x)}\, \theta_{(k)}

    It has three parts, each shrunk: max-probability as a line with positive slope; a
    quarter of the ridge regression on all evidence of :class:`BenefitRouter`; and,
    fitted to the residuals, an effect of each class among the five most probable. If
    the base confuses a class with one on which the global is no better, a query is not
    worthwhile. Penalties are chosen by squared error along the folds of the outcomes,
    and the effects may be switched off. Scores are in units of benefit.

    If the probabilities of both sides are known, the target is the privileged benefit,
    which has the same mean and much less noise. Otherwise, and without a global, it is
    the benefit.

    Parameters
    ----------
    class_penalty : float or None, default=None
        Ridge penalty on the class effects, in rows, at least 0; inf switches them off.
        None chooses among 5, 10, ..., 1000 and inf.
    supervision : str, callable or None, default=None
        Target to learn, see :func:`~selective_query.routers.supervision.supervise`.
        None means "privileged" if both sides' probabilities are known, otherwise
        "benefit".

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
    class_penalty_ : float
        The chosen or given penalty.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    Notes
    -----
    Developed in this project: ``benchmarks/class_doubt.py`` measures what each part
    gains and loses. The target follows an idea of Vapnik and Vashist, "A new learning
    paradigm: learning using privileged information", Neural Networks, 2009.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import ClassDoubtRouter
    >>> sample = make_selective_query(500, regime="specialist", random_state=0)
    >>> router = ClassDoubtRouter().fit(sample.outcomes)
    >>> router.query_score(sample.outcomes.evidence).shape
    (500,)
    """

    required_evidence = ("base_proba",)

    def __init__(self, class_penalty=None, supervision=None):
        self.class_penalty = class_penalty
        self.supervision = supervision

    @property
    def in_benefit_units(self):
        return self.supervision is None or is_in_benefit_units(self.supervision)

    def program(self):
        self._check_fitted()
        steps = linear_steps(self.layout_, self.coef_, self.intercept_)
        if self.class_effect_ is not None:
            line = len(steps) - 1
            effects = self.class_effect_
            moved = steps.add("class_roots", PROBA_AT, effects=effects, k=N_TOP)
            steps.add("combine", line, moved, function="add")
        return steps.program("ClassDoubtRouter")

    def _taught(self, outcomes):
        """The outcomes, with the target benefit in place of their own."""
        supervision = self.supervision
        if supervision is None:
            supervision = "privileged" if knows_both_sides(outcomes) else "benefit"
        return supervise(outcomes, supervision)

    def _fit(self, outcomes):
        outcomes.require("base_proba", "ClassDoubtRouter")
        return self._fit_taught(self._taught(outcomes))

    def _fit_taught(self, taught):
        """Fit, and return out-of-fold scores of each row."""
        check_penalty(self.class_penalty, "class_penalty")
        free, plain = (
            BenefitRouter(alpha, class_smoothing=np.inf) for alpha in (None, np.inf)
        )
        problem, free_score = free._fit_problem(taught)
        _, plain_score = plain._fit_problem(taught)
        self.layout_ = free.layout_
        self.coef_ = _blend(plain.coef_, free.coef_)
        self.intercept_ = float(_blend(plain.intercept_, free.intercept_))
        fits = [
            (train, test, _blend(plain_part, free_part))
            for (train, test, free_part), (_, _, plain_part) in zip(
                problem.fits(free.alpha_, np.inf),
                problem.fits(np.inf, np.inf),
                strict=True,
            )
        ]
        return self._add_classes(taught, fits, _blend(plain_score, free_score))

    def _add_classes(self, taught, fits, final):
        """Fit the class effects on the residuals, and return out-of-fold scores."""
        benefit, weight = taught.benefit, taught.weight
        classes = ClassRoots(taught.base_proba, weight)
        penalties = PENALTIES if self.class_penalty is None else (self.class_penalty,)
        moved = [
            [line + added for added in classes.path(penalties, benefit - line, train)]
            for train, _, line in fits
        ]
        errors = [
            sum(
                weight[test] @ (benefit[test] - scores[i][test]) ** 2
                for (_, test, _), scores in zip(fits, moved, strict=True)
            )
            for i in range(len(penalties))
        ]
        best = int(np.argmin(errors))
        self.class_penalty_ = penalties[best]
        self.class_effect_ = classes.effects(self.class_penalty_, benefit - final)
        if self.class_effect_ is not None:
            final = final + classes.roots @ self.class_effect_
        held_out = (
            (train, test, scores[best])
            for (train, test, _), scores in zip(fits, moved, strict=True)
        )
        return held_out_scores(held_out, final, weight)


def _blend(plain, free):
    return (1 - LINEAR_SHARE) * plain + LINEAR_SHARE * free
