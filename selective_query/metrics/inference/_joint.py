"""Joint distribution of several accuracies estimated on the same rows."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from selective_query._utils.numbers import random_state_of
from selective_query.metrics._integrals import ROUNDING
from selective_query.metrics.inference._influence import observations

# Number of rows whose influence values are in memory at a time.
RUN = 1 << 13


@dataclass(frozen=True, eq=False)
class JointEstimate:
    r"""Estimates from the same rows, jointly normal around their true values.

    A standard error based on few rows is itself uncertain, so intervals and p-values
    use Student's t with Satterthwaite's degrees of freedom,

    .. math:: \nu = \frac{2}{\mathrm{CV}^2}, \qquad
        \mathrm{CV}^2 = \frac{\sum \psi_i^4}{(\sum \psi_i^2)^2} - \frac1n,

    about twice the number of rows if only a few differ from zero. If rare rows all
    count in one direction, the statistic T is skewed. Hall's transformation,

    .. math:: g(T) = \frac{(1 + \gamma T / 3)^3 - 1}{\gamma} + \frac{\gamma}{6},
        \qquad \gamma = \frac{\sum \psi_i^3}{(\sum \psi_i^2)^{3/2}},

    removes the skewness. It is used only where it makes an interval longer, because a
    few rows may fall to one side by chance.

    Attributes
    ----------
    estimate, standard_error, freedom : ndarray of shape (n_estimates,)
    correlation : ndarray of shape (n_estimates, n_estimates)
    skewness : ndarray of shape (n_estimates,) or 0
        The gamma above, for each estimate.

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2 (1946). Hall, "On the removal of skewness by transformation",
    Journal of the Royal Statistical Society B 54 (1992).
    """

    estimate: np.ndarray
    standard_error: np.ndarray
    freedom: np.ndarray
    correlation: np.ndarray
    skewness: np.ndarray | float = 0.0

    @property
    def moves(self):
        """Whether each estimate varies at all; the others are zero on every row."""
        return self.standard_error > 0

    def normal_score(self):
        """Estimate in standard errors, as the normal value with the same p-value."""
        moves = self.moves
        t = self.estimate / np.where(moves, self.standard_error, 1)
        t = np.minimum(np.abs(t), np.sign(t) * _without_skew(t, self.skewness))
        score = stats.norm.isf(stats.t.sf(np.maximum(t, 0), self.freedom))
        return np.where(moves, score, 0.0)

    def p_value(self):
        """Two-sided pointwise p-values for a true value of zero."""
        return 2 * stats.norm.sf(self.normal_score())

    def interval(self, critical):
        """Interval of half-width `critical` normal standard errors.

        Parameters
        ----------
        critical : float
            Quantile of the absolute value of one normal variable, or of the maximum of
            several. The interval excludes zero if the normal score exceeds it.

        Returns
        -------
        low, high : ndarray of shape (n_estimates,)
        """
        half = stats.t.isf(stats.norm.sf(critical), self.freedom)
        below = np.maximum(half, _with_skew(half, self.skewness))
        above = np.maximum(half, -_with_skew(-half, self.skewness))
        below, above = np.where(self.moves, (below, above), 0) * self.standard_error
        return self.estimate - below, self.estimate + above

    def largest_scores(self, n_draws, random_state=None):
        """Draws of the largest absolute normal score if all true values are zero.

        Parameters
        ----------
        n_draws : int
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_draws,)
        """
        rng = random_state_of(random_state)
        correlation = self.correlation[np.ix_(self.moves, self.moves)]
        if not len(correlation):
            return np.zeros(n_draws)
        value, vector = np.linalg.eigh(correlation)
        # The symmetric root does not depend on the choice of eigenvectors for repeated
        # eigenvalues, so a seed gives the same draws everywhere.
        root = (vector * np.sqrt(np.maximum(value, 0))) @ vector.T
        largest = [
            np.abs(rng.standard_normal((stop - start, len(root))) @ root).max(axis=1)
            for start, stop in _runs(n_draws)
        ]
        return np.concatenate(largest)


def joint_estimate(readings, weight, contrasts=None):
    """Joint distribution of accuracies, or of linear combinations, on the same rows.

    Parameters
    ----------
    readings : list of AccuracyReadings
        All for the same rows.
    weight : ndarray of shape (n_samples,)
        See :func:`~selective_query.metrics.inference._influence.observations`.
    contrasts : ndarray of shape (n_readings, n_estimates), optional
        Coefficient of each accuracy in each estimate; rows follow the readings and,
        within each reading, its coverages. By default, the accuracies themselves.

    Returns
    -------
    JointEstimate
    """
    estimate = np.concatenate([reading.accuracy for reading in readings])
    if contrasts is not None:
        estimate = estimate @ contrasts
    number, factor = observations(weight)
    products, third, fourth = 0.0, 0.0, 0.0
    for start, stop in _runs(len(weight)):
        rows = slice(start, stop)
        values = np.hstack([reading.influence(rows) for reading in readings])
        if contrasts is not None:
            values = values @ contrasts
        values *= factor[rows, None]
        counted = number[rows, None] * values
        products = products + values.T @ counted
        third = third + (counted * values**2).sum(axis=0)
        fourth = fourth + (counted * values**3).sum(axis=0)
    n, total = number.sum(), weight.sum()
    # The mean factor by which row weights scale the influence.
    further_row = readings[0].span * total / n
    moves = np.full(len(estimate), True)
    if contrasts is not None:
        moves = _moves(np.concatenate([r.everywhere for r in readings]), contrasts)
    square = np.diag(products) + further_row**2
    fourth = fourth + further_row**4
    error = np.sqrt(square * n / max(n - 1, 1)) / total
    return JointEstimate(
        estimate=np.where(moves, estimate, 0.0),
        standard_error=np.where(moves, error, 0.0),
        # Not negative by Cauchy-Schwarz, but rounding can make it so.
        freedom=2 / np.maximum(fourth / square**2 - 1 / n, 2 / n**2),
        correlation=_correlation(products, square),
        skewness=third / square**1.5,
    )


def _without_skew(t, skewness):
    """Hall's transformation, which makes a studentised estimate symmetric."""
    scale, none = _skew_scale(skewness)
    return np.where(none, t, ((1 + scale * t / 3) ** 3 - 1) / scale + scale / 6)


def _with_skew(t, skewness):
    """The inverse of Hall's transformation."""
    scale, none = _skew_scale(skewness)
    return np.where(none, t, 3 / scale * (np.cbrt(1 + scale * t - scale**2 / 6) - 1))


def _skew_scale(skewness):
    # For skewness this small, the difference of powers would be lost in rounding.
    none = np.abs(skewness) < 1e-6
    return np.where(none, 1.0, skewness), none


def _correlation(products, square):
    scale = np.sqrt(square)
    correlation = products / scale / scale[:, None]
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _moves(everywhere, contrasts):
    """Whether an estimate is not zero by definition.

    It is zero if a score is compared with itself, or if two scores give all rows to the
    same side.
    """
    parts = [contrasts[np.isnan(everywhere)]]
    parts += [contrasts[everywhere == side].sum(axis=0)[None] for side in (0, 1)]
    return (np.abs(np.concatenate(parts)) > ROUNDING).any(axis=0)


def _runs(n):
    return [(start, min(start + RUN, n)) for start in range(0, n, RUN)]
