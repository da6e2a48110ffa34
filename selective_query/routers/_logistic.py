"""Weighted logistic regression along folds, and routers based on it."""

from itertools import groupby

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from selective_query.outcomes.probabilities import top_class, top_probability
from selective_query.routers._evidence_columns import (
    PROBA_AT,
    add_class_effect,
    evidence_columns,
    linear_steps,
)
from selective_query.routers._held_out import held_out_scores
from selective_query.routers._ridge import (
    HUGE,
    LEAST_SLOPE,
    check_penalty,
    column_penalty,
    in_row_space,
    standardised,
)
from selective_query.routers.base import SelfScoringRouter, iter_folds

ALPHAS = (np.inf, 1e3, 100.0, 10.0, 1.0)
# With more classes than this, classes have no effects of their own.
MAX_CLASSES = 64
# Penalty, in rows, on otherwise free coefficients: keeps separable outcomes finite.
NEARLY_FREE = 1e-2
# The search ends when a Newton step is smaller than this.
SMALL_STEP = 1e-8
# Lower bound for probabilities before taking the logarithm.
TINY = 1e-12
# Remaining share of the gradient at which the equations of a Newton step are considered
# solved, and the share of a loss that is rounding.
CLOSE, ROUNDING = 0.03, 1e-12


class LogisticProblem:
    r"""Penalised logistic regression of targets in [0, 1].

    scikit-learn's version has one penalty for all columns, and accepts no targets
    between 0 and 1.

    .. math:: \min_\beta \; -\sum_i v_i \big[t_i \log \sigma(\beta^\top x_i)
              + (1 - t_i) \log \sigma(-\beta^\top x_i)\big]
              + \tfrac\alpha2 \sum_j \pi_j \beta_j^2

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
    penalty : ndarray of shape (n_columns,)
        The share of each column in the penalty; 0 leaves it almost unpenalised.
    target, weight : ndarray of shape (n_samples,)
    rising : bool, default=False
        Whether the second coefficient, that of doubt, is constrained to be positive.
    """

    max_steps = 50

    def __init__(self, design, penalty, target, weight, rising=False):
        self.design, self.penalty, self._coef_of = in_row_space(design, penalty)
        self.target = target
        self.weight = weight
        self.rising = rising

    def losses(self, predictor, rows):
        """Loss of each of these rows, given its linear predictor."""
        # log(1 + exp(s)) - t s, without overflow.
        return np.logaddexp(0, predictor) - self.target[rows] * predictor

    def pulled_to(self, predictor, rows):
        """Probability at which each row's loss has zero gradient, here its target."""
        return self.target[rows]

    def choose(self, alphas, folds):
        """The penalty with the lowest held-out loss, and the predictions of its fits.

        Returns
        -------
        alpha : float
        fits : list of (train, test, linear predictor of every row)
        """
        fits, losses = [], 0
        start = np.zeros(self.design.shape[1])
        for train, test in folds:
            predictors = self._path(alphas, train, start) @ self.design.T
            fits.append((train, test, predictors))
            losses += np.array(
                [self.weight[test] @ self.losses(s[test], test) for s in predictors]
            )
        best = int(np.argmin(losses))
        return alphas[best], [(*rows, predictors[best]) for *rows, predictors in fits]

    def fit_all(self, alpha):
        """Coefficients of a fit on all rows, and the resulting linear predictors."""
        start = np.zeros(self.design.shape[1])
        coef = self.solve(alpha, np.arange(len(self.design)), start)
        return self._coef_of(coef), self.design @ coef

    def solve(self, alpha, rows, start):
        """Coefficients of a fit on these rows."""
        return self._path((alpha,), rows, start)[0]

    def _path(self, alphas, rows, coef):
        """Coefficients for each penalty, each fit started from the previous one."""
        path = []
        for is_infinite, group in groupby(alphas, np.isinf):
            kept = self.penalty == 0 if is_infinite else np.ones(len(coef), dtype=bool)
            search = _Newton(self, rows, kept, coef[kept])
            for alpha in group:
                coef = np.where(kept, coef, 0.0)
                coef[kept] = search.minimum(alpha, coef[kept])
                path.append(coef)
        return np.array(path)


class _Newton:
    """Newton's method on some rows and columns of a problem, for one or more penalties.

    Its equations are solved by conjugate gradients, because a product with the design
    costs a fraction of a new curvature matrix. The curvature at the start preconditions
    them for every penalty.
    """

    def __init__(self, problem, rows, kept, start):
        self.problem = problem
        self.rows = rows
        self.design = problem.design[np.ix_(rows, kept)]
        self.weight = problem.weight[rows]
        self.penalty = problem.penalty[kept]
        chance = expit(self.design @ start)
        bend = self.weight * chance * (1 - chance)
        self.curvature = (self.design * bend[:, None]).T @ self.design

    def minimum(self, alpha, start):
        share = np.where(self.penalty > 0, min(alpha, HUGE), 0) * self.penalty
        penalty = np.maximum(share, NEARLY_FREE)
        coef = self._descend(start, penalty, penalty)
        if self.problem.rising and coef[1] < LEAST_SLOPE:
            coef[1] = LEAST_SLOPE
            stiff = penalty.copy()
            stiff[1] = HUGE
            coef = self._descend(coef, penalty, stiff)
        return coef

    def _descend(self, coef, penalty, stiffness):
        """Descend to the minimum; coefficients stiffer than their penalty stay."""
        problem, rows, design = self.problem, self.rows, self.design

        def loss(coef, predictor):
            losses = problem.losses(predictor, rows)
            return self.weight @ losses + penalty @ coef**2 / 2

        invert = _inverse(self.curvature + np.diag(stiffness))
        predictor = design @ coef
        reached = loss(coef, predictor)
        for _ in range(problem.max_steps):
            chance = expit(predictor)
            missed = chance - problem.pulled_to(predictor, rows)
            slope = design.T @ (self.weight * missed) + penalty * coef
            slope[stiffness > penalty] = 0
            bend = self.weight * chance * (1 - chance)
            step = self._solved(bend, stiffness, slope, invert)
            change = design @ step
            highest = reached * (1 + ROUNDING)
            while (lower := loss(coef - step, predictor - change)) > highest:
                step, change = step / 2, change / 2
            coef, predictor, reached = coef - step, predictor - change, lower
            if np.abs(step).max() <= SMALL_STEP:
                break
        return coef

    def _solved(self, bend, stiffness, slope, invert):
        """An approximate Newton step."""
        step, residual = np.zeros(len(slope)), slope
        direction = invert(residual)
        size = residual @ direction
        enough = CLOSE**2 * size
        for _ in range(len(slope)):
            if size <= enough:
                break
            along = self.design.T @ (bend * (self.design @ direction))
            along += stiffness * direction
            length = size / (direction @ along)
            step, residual = step + length * direction, residual - length * along
            inverted = invert(residual)
            before, size = size, residual @ inverted
            direction = inverted + size / before * direction
        return step


def _inverse(matrix):
    """A function that multiplies by the inverse of a positive matrix."""
    # Penalties differ by orders of magnitude: a unit diagonal keeps the system well
    # scaled.
    scale = 1 / np.sqrt(np.diag(matrix))
    factor = cho_factor(scale[:, None] * matrix * scale, check_finite=False)
    return lambda vector: scale * cho_solve(factor, scale * vector, check_finite=False)


class LogisticRouter(SelfScoringRouter):
    """A logistic regression on the evidence; subclasses define targets and the score.

    The intercept and the coefficient of one minus the largest probability are almost
    unpenalised (a hundredth of a row keeps them finite), so the strongest penalty
    leaves a function of max-probability. With at most 64 classes, each predicted class
    has its own effect under the same penalty.

    Attributes
    ----------
    rises_with_doubt : bool
        Whether the coefficient of one minus the largest probability is constrained to
        be positive, as it must be if the predictor itself is the score.
    is_chance : bool
        Whether the score is the sigmoid of the predictor instead of the predictor.
    beats : {"confidence", "log_confidence"} or None
        What is subtracted for the base's best class: its probability, or the logarithm
        of it.
    """

    rises_with_doubt = False
    is_chance = False
    beats = None
    _reads_columns = True

    def __init__(self, alpha=None):
        self.alpha = alpha

    def program(self):
        self._check_fitted()
        steps = linear_steps(self.layout_, self.coef_, self.intercept_)
        score = add_class_effect(steps, len(steps) - 1, self.class_effect_)
        if self.is_chance:
            score = steps.add("apply", score, function="sigmoid")
        if self.beats is not None:
            rival = steps.add("top", PROBA_AT, k=1)
            if self.beats == "log_confidence":
                rival = steps.add("log", rival, floor=TINY)
            steps.add("combine", score, rival, function="subtract")
        return steps.program(type(self).__name__)

    def _problem(self, outcomes, design, penalty):
        rising = self.rises_with_doubt and outcomes.base_proba is not None
        return LogisticProblem(design, penalty, *self._task(outcomes, design), rising)

    def _task(self, outcomes, design):
        """The regression targets in [0, 1] and weights, shape (n_samples,) each."""
        raise NotImplementedError

    def _score(self, predictor, outcomes):
        """The query score from the linear predictor, as in `program`."""
        score = expit(predictor) if self.is_chance else predictor
        if self.beats is None:
            return score
        rival = top_probability(outcomes.base_proba)
        if self.beats == "log_confidence":
            rival = np.log(np.maximum(rival, TINY))
        return score - rival

    def _fit(self, outcomes):
        """Fit, and return held-out scores of all rows."""
        check_penalty(self.alpha, "alpha")
        folds = list(iter_folds(outcomes))
        columns, self.layout_ = evidence_columns(outcomes)
        n_columns = columns.shape[1]
        columns = np.hstack([columns, _class_columns(outcomes)])
        design, centre, scale = standardised(columns, outcomes.weight)
        penalty = column_penalty(design, outcomes)
        problem = self._problem(outcomes, design, penalty)
        alphas = ALPHAS if self.alpha is None else (self.alpha,)
        self.alpha_, fits = problem.choose(alphas, folds)
        weights, final = problem.fit_all(self.alpha_)
        coef = weights[1:] / scale
        self.coef_ = coef[:n_columns]
        self.class_effect_ = coef[n_columns:] if len(coef) > n_columns else None
        self.intercept_ = float(weights[0] - centre @ coef)
        scored = ((*rows, self._score(part, outcomes)) for *rows, part in fits)
        return held_out_scores(scored, self._score(final, outcomes), outcomes.weight)


def _class_columns(outcomes):
    proba = outcomes.base_proba
    if proba is None or proba.shape[1] > MAX_CLASSES:
        return np.zeros((outcomes.n_rows, 0))
    return np.eye(proba.shape[1])[top_class(proba)]
