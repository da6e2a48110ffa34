"""Weighted logistic regression along folds, and the routers that are one."""

import numpy as np
from scipy.linalg import solve
from scipy.special import expit

from selective_query.probabilities import top_class
from selective_query.routers._base import SelfScoringRouter, iter_folds
from selective_query.routers.evidence_columns import evidence_columns
from selective_query.routers.learned_columns import score_columns
from selective_query.routers.ridge import (
    HUGE,
    check_penalty,
    column_penalty,
    standardised,
)

ALPHAS = (np.inf, 1e3, 100.0, 10.0, 1.0)
# Of more classes than this none has an effect of its own.
MAX_CLASSES = 64
# Penalty in rows on what is free otherwise: keeps separable outcomes finite.
NEARLY_FREE = 1e-2
# A Newton step below this ends the search.
SMALL_STEP = 1e-8


class LogisticProblem:
    r"""Penalised logistic regression of targets in [0, 1].

    That of scikit-learn has one penalty for all columns, and takes no targets between
    0 and 1.

    .. math:: \min_\beta \; -\sum_i v_i \big[t_i \log \sigma(\beta^\top x_i)
              + (1 - t_i) \log \sigma(-\beta^\top x_i)\big]
              + \tfrac\alpha2 \sum_j \pi_j \beta_j^2

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
    penalty : ndarray of shape (n_columns,)
        The share of each column in the penalty; 0 leaves it nearly free.
    target, weight : ndarray of shape (n_samples,)
    """

    max_steps = 50

    def __init__(self, design, penalty, target, weight):
        self.design = design
        self.penalty = penalty
        self.target = target
        self.weight = weight

    def losses(self, predictor, rows):
        """Loss of each of these rows at its linear predictor."""
        # log(1 + exp(s)) - t s, without overflow.
        return np.logaddexp(0, predictor) - self.target[rows] * predictor

    def pulled_to(self, predictor, rows):
        """The chance at which each row's loss would no longer pull, here its target."""
        return self.target[rows]

    def solve(self, alpha, rows, start):
        """Coefficients by Newton's method, halving steps that do not descend."""
        design, weight = self.design[rows], self.weight[rows]
        penalty = np.maximum(np.minimum(alpha, HUGE) * self.penalty, NEARLY_FREE)

        def loss(coef):
            losses = self.losses(design @ coef, rows)
            return weight @ losses + penalty @ coef**2 / 2

        # A start from another penalty must not hold what this one forbids.
        coef = np.where(np.isfinite(alpha) | (self.penalty == 0), start, 0.0)
        reached = loss(coef)
        for _ in range(self.max_steps):
            predictor = design @ coef
            chance = expit(predictor)
            missed = chance - self.pulled_to(predictor, rows)
            slope = design.T @ (weight * missed) + penalty * coef
            curvature = weight * chance * (1 - chance)
            hessian = (design * curvature[:, None]).T @ design + np.diag(penalty)
            scale = 1 / np.sqrt(np.diag(hessian))
            step = scale * solve(
                scale[:, None] * hessian * scale, scale * slope, assume_a="pos"
            )
            while (lower := loss(coef - step)) > reached and np.abs(step).max() > 0:
                step = step / 2
            coef, reached = coef - step, lower
            if np.abs(step).max() <= SMALL_STEP:
                break
        return coef

    def choose(self, alphas, folds):
        """The penalty of least held-out loss, and the held-out linear predictors."""
        starts = [np.zeros(self.design.shape[1]) for _ in folds]
        best = None
        for alpha in alphas:
            held_out = np.empty(len(self.design))
            for i, (train, test) in enumerate(folds):
                starts[i] = self.solve(alpha, train, starts[i])
                held_out[test] = self.design[test] @ starts[i]
            loss = self.weight @ self.losses(held_out, slice(None))
            if best is None or loss < best[0]:
                best = loss, alpha, held_out
        return best[1:]


class LogisticRouter(SelfScoringRouter):
    """A logistic regression on the evidence; subclasses say of what, and what follows.

    The intercept and one minus the largest probability are free of the penalty, so
    that the strongest one leaves a function of max-probability. Each predicted class,
    of at most 64, has an effect of its own under the same penalty.
    """

    def __init__(self, alpha=None):
        self.alpha = alpha

    def fit_score(self, outcomes):
        # Choosing the penalty has scored each row without learning from it already.
        return self._score(self._fit(outcomes), outcomes)

    def query_score(self, evidence):
        self._check_fitted()
        predictor = score_columns(
            lambda columns: self.intercept_ + columns @ self.coef_,
            evidence,
            self.layout_,
            type(self).__name__,
        )
        if self.class_effect_ is not None:
            predictor += self.class_effect_[top_class(evidence.base_proba)]
        return self._score(predictor, evidence)

    def _problem(self, outcomes, design, penalty):
        return LogisticProblem(design, penalty, *self._task(outcomes, design))

    def _task(self, outcomes, design):
        """What to regress: targets in [0, 1] and weights, shape (n_samples,) each."""
        raise NotImplementedError

    def _score(self, predictor, evidence):
        """The query score that follows from the linear predictor."""
        raise NotImplementedError

    def _fit(self, outcomes):
        """Fit, and return held-out linear predictors."""
        check_penalty(self.alpha, "alpha")
        folds = list(iter_folds(outcomes))
        columns, self.layout_ = evidence_columns(outcomes)
        n_columns = columns.shape[1]
        columns = np.hstack([columns, _class_columns(outcomes)])
        design, centre, scale = standardised(columns, outcomes.weight)
        penalty = column_penalty(design, outcomes)
        problem = self._problem(outcomes, design, penalty)
        alphas = ALPHAS if self.alpha is None else (self.alpha,)
        self.alpha_, held_out = problem.choose(alphas, folds)
        everything, start = np.arange(len(design)), np.zeros(design.shape[1])
        weights = problem.solve(self.alpha_, everything, start)
        coef = weights[1:] / scale
        self.coef_ = coef[:n_columns]
        self.class_effect_ = coef[n_columns:] if len(coef) > n_columns else None
        self.intercept_ = float(weights[0] - centre @ coef)
        return held_out


def _class_columns(outcomes):
    proba = outcomes.base_proba
    if proba is None or proba.shape[1] > MAX_CLASSES:
        return np.zeros((outcomes.n_rows, 0))
    return np.eye(proba.shape[1])[top_class(proba)]
