"""The benefit router: a regression of what a query gains."""

from numbers import Real

import numpy as np
from scipy.linalg import solve

from selective_query.probabilities import top_class
from selective_query.routers._base import BaseRouter, iter_folds
from selective_query.routers.evidence_columns import (
    describe_layout,
    evidence_columns,
)

ALPHAS = (1.0, 10.0, 100.0, 1e3, 1e4, np.inf)
CLASS_SMOOTHING = (10.0, 100.0, np.inf)
# Stands for an infinite penalty in the linear solver.
HUGE = 1e12
# Keeps columns without variation solvable; far below one row.
TINY = 1e-9


class BenefitRouter(BaseRouter):
    r"""Query where the expected benefit, global utility minus base utility, is largest.

    A ridge regression of the benefit on the evidence, plus a shrunken effect of the
    predicted class:

    .. math:: s(x) = w_0 + w_1 (1 - \max_k p_k) + w^\top \phi(x) + u_{\hat y(x)}

    with confidences, logits and base features in :math:`\phi`. Neither the intercept
    nor the first term is penalised, so that strong shrinkage gives max-probability
    back. Both penalties are chosen by cross-validated squared error along the folds of
    the outcomes. Scores are in units of benefit.

    For fixed models the best hybrid queries the inputs of largest conditional benefit
    (Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023); the regression of the difference is their post-hoc rule Diff-01.

    Parameters
    ----------
    alpha : float or None, default=None
        Ridge penalty on standardised columns, in rows, at least 0; inf leaves
        confidence alone. None chooses among 1, 10, ..., 10^4 and inf.
    class_smoothing : float or None, default=None
        Rows of a predicted class at which its effect is shrunk by half, at least 0;
        inf switches the effect off. A class that was never predicted has none. None
        chooses among 10, 100 and inf.

    Attributes
    ----------
    coef_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
    alpha_, class_smoothing_ : float
        The penalties in use.
    layout_ : tuple of (str, int)
        Kinds of evidence, and how wide each is.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import BenefitRouter
    >>> sample = make_selective_query(500, regime="specialist", random_state=0)
    >>> router = BenefitRouter().fit(sample.outcomes)
    >>> router.query_score(sample.outcomes.evidence).shape
    (500,)
    """

    learns = True
    in_benefit_units = True

    def __init__(self, alpha=None, class_smoothing=None):
        self.alpha = alpha
        self.class_smoothing = class_smoothing

    def fit(self, outcomes):
        self._fit(outcomes)
        return self

    def fit_score(self, outcomes):
        # Choosing the penalties has scored each row without learning from it already.
        return self._fit(outcomes)

    def query_score(self, evidence):
        self._check_fitted()
        columns, layout = evidence_columns(evidence)
        if layout != self.layout_:
            raise ValueError(
                "BenefitRouter was fitted on other evidence: "
                f"{describe_layout(self.layout_)}. Got {describe_layout(layout)}. Give "
                "the same kinds of evidence as in fit."
            )
        score = columns @ self.coef_
        score += self.intercept_
        if self.class_effect_ is not None:
            score += self.class_effect_[top_class(evidence.base_proba)]
        return score

    def _fit(self, outcomes):
        """Fit, and return scores of each row from the folds that did not hold it."""
        for name in ("alpha", "class_smoothing"):
            _check_penalty(getattr(self, name), name)
        columns, self.layout_ = evidence_columns(outcomes)
        design, centre, scale = _standardised(columns, outcomes.weight)
        penalty = np.ones(design.shape[1])
        penalty[: 1 + (outcomes.base_proba is not None)] = 0
        problem = _Problem(design, penalty, outcomes)
        alphas = ALPHAS if self.alpha is None else (self.alpha,)
        smoothings = (
            CLASS_SMOOTHING if self.class_smoothing is None else (self.class_smoothing,)
        )
        if outcomes.base_proba is None:
            smoothings = (np.inf,)
        best = None
        for alpha in alphas:
            for smoothing, score in problem.held_out_scores(alpha, smoothings):
                error = problem.weight @ (problem.benefit - score) ** 2
                if best is None or error < best[0]:
                    best = error, alpha, smoothing, score
        _, self.alpha_, self.class_smoothing_, held_out_score = best
        everything = np.arange(len(design))
        weights = problem.solve(self.alpha_, problem.moments(everything))
        self.coef_ = weights[1:] / scale
        self.intercept_ = float(weights[0] - centre @ self.coef_)
        self.class_effect_ = problem.class_effect(
            weights, self.class_smoothing_, everything
        )
        return held_out_score


def _check_penalty(value, name):
    if value is None or (
        isinstance(value, Real) and not isinstance(value, bool) and value >= 0
    ):
        return
    raise ValueError(
        f"{name} must be a number >= 0 (inf for the strongest penalty), or None to "
        f"choose it by cross-validation. Got {value!r}."
    )


def _standardised(columns, weight):
    """A column of ones, then the columns with weighted mean 0 and variance 1."""
    columns = columns.astype(float)
    share = weight / weight.sum()
    centre = share @ columns
    scale = np.sqrt(np.maximum(share @ (columns - centre) ** 2, 0))
    scale[scale <= 1e-12 * np.maximum(np.abs(centre), 1)] = np.inf
    design = np.ones((len(columns), columns.shape[1] + 1))
    design[:, 1:] = (columns - centre) / scale
    return design, centre, scale


class _Problem:
    """Weighted ridge regression of the benefit, with an effect of the class on top."""

    def __init__(self, design, penalty, outcomes):
        self.design = design
        self.penalty = penalty
        self.weight = outcomes.weight
        self.benefit = outcomes.benefit
        if outcomes.base_proba is not None:
            self.predicted = top_class(outcomes.base_proba)
            self.n_classes = outcomes.base_proba.shape[1]
        self.folds = self._folds(outcomes)

    def _folds(self, outcomes):
        """(train, test, moments of train) by fold; the moments serve every penalty."""
        splits = list(iter_folds(outcomes))
        held_out = [self.moments(test) for _, test in splits]
        gram, target = (sum(parts) for parts in zip(*held_out, strict=True))
        return [
            (train, test, (gram - g, target - t))
            for (train, test), (g, t) in zip(splits, held_out, strict=True)
        ]

    def solve(self, alpha, moments):
        gram, target = moments
        gram = gram + np.diag(np.minimum(alpha, HUGE) * self.penalty + TINY)
        # Penalties differ by many orders: a unit diagonal keeps the system well scaled.
        scale = 1 / np.sqrt(np.diag(gram))
        scaled = solve(scale[:, None] * gram * scale, scale * target, assume_a="pos")
        return scale * scaled

    def moments(self, rows):
        design = self.design[rows]
        weighted = design * self.weight[rows, None]
        return weighted.T @ design, weighted.T @ self.benefit[rows]

    def class_effect(self, weights, smoothing, rows):
        """Mean residual of each predicted class, shrunk; None when switched off."""
        if not np.isfinite(smoothing):
            return None
        residual = self.benefit[rows] - self.design[rows] @ weights
        predicted, weight = self.predicted[rows], self.weight[rows]
        total = np.bincount(predicted, weight * residual, self.n_classes)
        mass = np.bincount(predicted, weight, self.n_classes) + smoothing
        return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)

    def held_out_scores(self, alpha, smoothings):
        """Pairs of smoothing and scores of each row by a fit without its fold."""
        scores = {smoothing: np.empty(len(self.design)) for smoothing in smoothings}
        for train, test, moments in self.folds:
            weights = self.solve(alpha, moments)
            plain = self.design[test] @ weights
            for smoothing, score in scores.items():
                effect = self.class_effect(weights, smoothing, train)
                score[test] = plain
                if effect is not None:
                    score[test] += effect[self.predicted[test]]
        return scores.items()
