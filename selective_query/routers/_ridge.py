"""Weighted ridge regression along folds, with a shrunken class effect."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve

from selective_query._utils.numbers import is_number
from selective_query.outcomes.probabilities import top_class
from selective_query.routers._held_out import held_out_scores
from selective_query.routers.base import iter_folds

ALPHAS = (1.0, 10.0, 100.0, 1e3, 1e4, np.inf)
CLASS_SMOOTHING = (10.0, 100.0, np.inf)
# Represents an infinite penalty in the linear solver.
HUGE = 1e12
# Keeps constant columns solvable; far below one row.
TINY = 1e-9
# Lower bound on the unpenalised coefficient of doubt: enough to rank by, too small to
# move a score. Relative to the largest observed effect, or in log-odds.
LEAST_SLOPE = 1e-3


def check_penalty(value, name):
    """Raise a ValueError unless it is None or a nonnegative number."""
    if value is None or (is_number(value) and value >= 0):
        return
    raise ValueError(
        f"{name} must be a number >= 0 (inf for the strongest penalty), or None to "
        f"choose it by cross-validation. Got {value!r}."
    )


class Choice(NamedTuple):
    """Penalties with the lowest held-out squared error, and the resulting scores."""

    error: float
    alpha: float
    class_smoothing: float
    held_out_score: np.ndarray


def standardised(columns, weight):
    """A column of ones, then the columns with weighted mean 0 and variance 1."""
    columns = columns.astype(float)
    share = weight / weight.sum()
    centre = share @ columns
    scale = np.sqrt(np.maximum(share @ (columns - centre) ** 2, 0))
    scale[scale <= 1e-12 * np.maximum(np.abs(centre), 1)] = np.inf
    design = np.ones((len(columns), columns.shape[1] + 1))
    design[:, 1:] = (columns - centre) / scale
    return design, centre, scale


def column_penalty(design, outcomes):
    """The share of each column in the penalty.

    The intercept and one minus the largest probability, which come first, are not
    penalised, so that strong shrinkage leaves max-probability.
    """
    penalty = np.ones(design.shape[1])
    penalty[: 1 + (outcomes.base_proba is not None)] = 0
    return penalty


def in_row_space(design, penalty):
    """An equivalent problem with at most as many penalised columns as rows.

    The optimal penalised weights are a linear combination of the rows, so coordinates
    in the row space are sufficient.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
    penalty : ndarray of shape (n_columns,)
        0 or one common value everywhere.

    Returns
    -------
    design, penalty : ndarray
    weights_of : callable
        Converts weights of the new columns to weights of the original ones.
    """
    held = penalty > 0
    if np.count_nonzero(held) <= len(design):
        return design, penalty, np.asarray
    directions, coordinates = qr(design[:, held].T, mode="economic")

    def weights_of(found):
        weights = np.empty(len(penalty))
        n_free = np.count_nonzero(~held)
        weights[~held], weights[held] = found[:n_free], directions @ found[n_free:]
        return weights

    reduced = np.hstack([design[:, ~held], coordinates.T])
    shares = np.concatenate([penalty[~held], penalty[held][: len(design)]])
    return reduced, shares, weights_of


class RidgeProblem:
    """Weighted ridge regression of the benefit, plus a shrunken class effect.

    If there are probabilities, the coefficient of doubt, the second column, is
    constrained to be positive: in small samples it would often be negative by chance.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
        Starts with a column of ones.
    penalty : ndarray of shape (n_columns,)
        The share of each column in the penalty; 0 leaves a column unpenalised.
    outcomes : Outcomes
        Benefit, weights, predicted classes and folds.
    """

    def __init__(self, design, penalty, outcomes):
        self.design, self.penalty, self._weights_of = in_row_space(design, penalty)
        self.weight = outcomes.weight
        self.benefit = outcomes.benefit
        self.predicted = None
        if outcomes.base_proba is not None:
            self.predicted = top_class(outcomes.base_proba)
            self.n_classes = outcomes.base_proba.shape[1]
        self.folds = self._folds(outcomes)

    def _folds(self, outcomes):
        """(train, test, moments of train) by fold; all penalties share the moments."""
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
        weights = _solved(gram, target)
        least = LEAST_SLOPE * np.abs(target).max() / gram[0, 0]
        if self.predicted is not None and weights[1] < least:
            rest = np.arange(len(weights)) != 1
            weights[1] = least
            weights[rest] = _solved(
                gram[np.ix_(rest, rest)], target[rest] - least * gram[rest, 1]
            )
        return weights

    def moments(self, rows):
        design = self.design[rows]
        weighted = design * self.weight[rows, None]
        return weighted.T @ design, weighted.T @ self.benefit[rows]

    def class_effect(self, score, smoothing, rows):
        """Shrunken mean residual of each predicted class; None if switched off."""
        if not np.isfinite(smoothing):
            return None
        residual = self.benefit[rows] - score[rows]
        predicted, weight = self.predicted[rows], self.weight[rows]
        total = np.bincount(predicted, weight * residual, self.n_classes)
        mass = np.bincount(predicted, weight, self.n_classes) + smoothing
        return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)

    def _raw_scores(self, alpha, smoothings):
        """Pairs of smoothing and out-of-fold scores of each row."""
        scores = {smoothing: np.empty(len(self.design)) for smoothing in smoothings}
        for train, test, moments in self.folds:
            plain = self.design @ self.solve(alpha, moments)
            for smoothing, score in scores.items():
                effect = self.class_effect(plain, smoothing, train)
                score[test] = plain[test]
                if effect is not None:
                    score[test] += effect[self.predicted[test]]
        return scores.items()

    def fits(self, alpha, smoothing):
        """Yield (train, test, score of every row) for the fit without each fold."""
        for train, test, moments in self.folds:
            score = self.design @ self.solve(alpha, moments)
            effect = self.class_effect(score, smoothing, train)
            if effect is not None:
                score += effect[self.predicted]
            yield train, test, score

    def fit_all(self, alpha, smoothing):
        """Fit on all rows.

        Returns
        -------
        weights : ndarray of shape (n_columns,)
        class_effect : ndarray of shape (n_classes,) or None
        score : ndarray of shape (n_samples,)
        """
        everything = np.arange(len(self.design))
        weights = self.solve(alpha, self.moments(everything))
        score = self.design @ weights
        effect = self.class_effect(score, smoothing, everything)
        if effect is not None:
            score += effect[self.predicted]
        return self._weights_of(weights), effect, score

    def held_out(self, alpha, smoothing, final):
        """Out-of-fold scores of each row, on the scale of the final fit."""
        return held_out_scores(self.fits(alpha, smoothing), final, self.weight)

    def choose(self, alpha=None, class_smoothing=None):
        """Choose the best penalties along the folds, from a default grid where None.

        Parameters
        ----------
        alpha, class_smoothing : float or None

        Returns
        -------
        Choice
        """
        alphas = ALPHAS if alpha is None else (alpha,)
        smoothings = CLASS_SMOOTHING if class_smoothing is None else (class_smoothing,)
        if self.predicted is None:
            smoothings = (np.inf,)
        best = None
        for alpha in alphas:
            for smoothing, score in self._raw_scores(alpha, smoothings):
                error = self.weight @ (self.benefit - score) ** 2
                if best is None or error < best.error:
                    best = Choice(error, alpha, smoothing, score)
        return best


def _solved(gram, target):
    # Penalties differ by orders of magnitude: a unit diagonal keeps the system well
    # scaled.
    scale = 1 / np.sqrt(np.diag(gram))
    return scale * solve(scale[:, None] * gram * scale, scale * target, assume_a="pos")
