"""Scores of rows that a router did not learn from, on the scale of the one in use."""

import numpy as np

from selective_query._numbers import usual_size

# Scores that differ by no more than this share of their size are ties.
ROUNDING = 1e-12


def held_out_scores(folds, final, weight):
    """Score each row by a router that did not see it, as the final router would.

    A learned score lives on the scale of its own fit: an exponent, a penalty, the
    coordinates of a net. What fits have in common are ranks. Each held-out score is
    ranked among the scores that the same fit gives to the rows it learned from; in its
    place comes the score of this rank among those that the final router gives to the
    rows that it learned from.

    Parameters
    ----------
    folds : iterable of (train, test, score)
        Row numbers, and the scores of all rows by the router fitted on `train`.
    final : ndarray of shape (n_samples,)
        Scores of all rows by the router fitted on all of them.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
        Infinite scores stay what they are.
    """
    carried = np.empty(len(final))
    goal = _Scale(final, weight)
    for train, test, score in folds:
        seen = _Scale(score[train], weight[train])
        carried[test] = goal.of_ranks_in(seen, score[test])
    return carried


class _Scale:
    """The finite scores of some rows as steps: each level, and the ranks it spans."""

    def __init__(self, score, weight):
        counted = np.isfinite(score) & (weight > 0)
        order = np.argsort(score[counted], kind="stable")
        score, weight = score[counted][order], weight[counted][order]
        first = np.append(True, np.diff(score) > ROUNDING * usual_size(score))
        first = np.flatnonzero(first[: len(score)])
        self.level = score[first]
        self.mass = np.add.reduceat(weight, first) / (weight.sum() or 1)
        self.middle = np.cumsum(self.mass) - self.mass / 2

    def of_ranks_in(self, other, score):
        """Scores of the other scale, carried to this one."""
        if not len(self.level) or not len(other.level):
            return score
        inside = np.clip(score, other.level[0], other.level[-1])
        rank = np.interp(inside, other.level, other.middle)
        # Tied rows stay tied: the middle half of their ranks is all one level.
        quarter = self.mass / 4
        steps = np.stack([self.middle - quarter, self.middle + quarter], axis=1)
        carried = np.interp(rank, steps.ravel(), np.repeat(self.level, 2))
        return carried + (score - inside) * self._stretch(other)

    def _stretch(self, other):
        ours, theirs = np.ptp(self.level), np.ptp(other.level)
        return ours / theirs if ours and theirs else 1.0
