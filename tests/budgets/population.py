"""A population whose every operating point is known in closed form."""

import numpy as np

from selective_query.budgets import JudgedRows


class Population:
    """Uniform scores on [0, 1]; accuracies of both models are linear in the score.

    Parameters
    ----------
    n_levels : int or None
        Number of equally likely scores; None for continuous ones.
    """

    def __init__(self, n_levels=None):
        self.n_levels = n_levels

    def _score(self, u):
        return u if self.n_levels is None else np.floor(u * self.n_levels)

    def draw(self, n, rng):
        """Draw a sample as JudgedRows."""
        u, base, query = rng.uniform(size=(3, n))
        base_right = base < 0.98 - 0.5 * u
        query_right = np.where(base_right, query < 0.98, query < 0.7)
        return JudgedRows(
            self._score(u),
            base_right.astype(float),
            query_right.astype(float),
            np.ones(n),
        )

    def coverage(self, threshold):
        """True coverage."""
        if self.n_levels is None:
            return float(np.clip(threshold, 0, 1))
        return float(np.clip((np.floor(threshold) + 1) / self.n_levels, 0, 1))

    def selective_accuracy(self, threshold):
        """True accuracy of the base on what it keeps: 0.98 - c / 4 at coverage c."""
        return 0.98 - 0.25 * self.coverage(threshold)

    def excess(self, threshold):
        """True error of the hybrid minus error of the global."""
        c = self.coverage(threshold)
        right = 0.98 * c - 0.25 * c**2
        return 0.7 * (c - right) - 0.02 * right

    def accuracy(self, threshold):
        """True accuracy of the hybrid."""
        everywhere = 0.98 * 0.73 + 0.7 * 0.27
        return everywhere - self.excess(threshold)
