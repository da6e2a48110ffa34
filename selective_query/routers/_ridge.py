"""Weighted ridge regression along folds, with a shrunken effect of the class."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve

from selective_query._utils.numbers import is_number
from selective_query.outcomes.probabilities import top_class
from selective_query.routers._held_out import held_out_scores
from selective_query.routers.base import iter_folds

ALPHAS = (1.0, 10.0, 100.0, 1e3, 1e4, np.inf)
CLASS_SMOOTHING = (10.0, 100.0, np.inf)
# Stands for an infinite penalty in the linear solver.
HUGE = 1e12
# Keeps columns without variation solvable; far below one row.
TINY = 1e-9
# What the free slope of doubt cannot fall below: enough to rank by, too little to move
# a score. As a share of the largest effect that is seen, or in log-odds.
LEAST_SLOPE = 1e-3


def check_penalty(value, name):
    """Raise ValueError unless it is None or a number that is not negative."""
    if value is None or (is_number(value) and value >= 0):
        return
    raise ValueError(
        f"{name} must be a number >= 0 (inf for the strongest penalty), or None to "
        f"choose it by cross-validation. Got {value!r}."
    )


class Choice(NamedTuple):
    """Penalties with the least held-out squared error, and what they score."""

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
    """What each column's share in the penalty is.

    Intercept and one minus the largest probability, which come first, have none, so
    that strong shrinkage leaves max-probability.
    """
    penalty = np.ones(design.shape[1])
    penalty[: 1 + (outcomes.base_proba is not None)] = 0
    return penalty


def in_row_space(design, penalty):
    """An equal problem with no more columns under the penalty than rows.

    The penalised weights of least cost are a combination of the rows, so coordinates
    in the space of the rows say as much.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
    penalty : ndarray of shape (n_columns,)
        0, or the same number everywhere else.

    Returns
    -------
    design, penalty : ndarray
    weights_of : callable
        From weights of the new columns to those of the given ones.
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
    """Weighted ridge regression of the benefit, with an effect of the class on top.

    Where there are probabilities the slope of doubt, which comes second, is held
    positive: by chance alone it would be negative in many a small sample.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_columns)
        A column of ones first.
    penalty : ndarray of shape (n_columns,)
        What each column's share in the penalty is; 0 leaves a column free.
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
        """Mean residual of each predicted class, shrunk; None when switched off."""
        if not np.isfinite(smoothing):
            return None
        residual = self.benefit[rows] - score[rows]
        predicted, weight = self.predicted[rows], self.weight[rows]
        total = np.bincount(predicted, weight * residual, self.n_classes)
        mass = np.bincount(predicted, weight, self.n_classes) + smoothing
        return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)

    def _raw_scores(self, alpha, smoothings):
        """Pairs of smoothing and scores of each row by a fit without its fold."""
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
        """Yield (train, test, score of every row) for the fit on each fold's rest."""
        for train, test, moments in self.folds:
            score = self.design @ self.solve(alpha, moments)
            effect = self.class_effect(score, smoothing, train)
            if effect is not None:
                score += effect[self.predicted]
            yield train, test, score

    def fit_all(self, alpha, smoothing):
        """A fit on all rows.

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
        """Scores of each row by fits without its fold, as the final fit would score."""
        return held_out_scores(self.fits(alpha, smoothing), final, self.weight)

    def choose(self, alpha=None, class_smoothing=None):
        """The best penalties along the folds, among the usual ones where None.

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
    # Penalties differ by many orders: a unit diagonal keeps the system well scaled.
    scale = 1 / np.sqrt(np.diag(gram))
    return scale * solve(scale[:, None] * gram * scale, scale * target, assume_a="pos")
