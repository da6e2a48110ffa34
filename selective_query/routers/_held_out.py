"""Out-of-fold scores of a router, on the scale of the final router."""

import numpy as np

from selective_query._utils.numbers import usual_size

# Ranks at which the score distributions of held-out and known rows are compared, and
# how much they may differ: forests reached 0.13, and distance-weighted neighbours,
# where each known row is its own nearest neighbour, 0.36.
RANKS = np.linspace(0.05, 0.95, 19)
MOST_LEAD = 0.25
# A tied group with at least this share of the rows is treated separately.
TIED = 0.01
# Scores that differ by no more than this share of their size are ties.
ROUNDING = 1e-14


def held_out_scores(folds, final, weight):
    """Score each row by a router that did not see it, on the final router's scale.

    A learned score has the scale of its own fit: an exponent, a penalty, the
    coordinates of a net. Only ranks are comparable between fits. Each held-out score is
    ranked among the scores that the same fit gives to the rows it was fitted on, and is
    replaced by the final router's score of the same rank on its own training rows. If a
    router has memorised its training rows, so that their scores are unlike any others,
    ranks are not comparable either; its scores then stay unchanged.

    Parameters
    ----------
    folds : iterable of (train, test, score)
        Row numbers, and the scores of all rows by the router fitted on `train`.
    final : ndarray of shape (n_samples,)
        Scores of all rows by the router fitted on all rows.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
        Infinite scores are unchanged.
    """
    held_out, carried = np.empty(len(final)), np.empty(len(final))
    goal, lead, n_folds = _Scale(final, weight), np.zeros(len(RANKS)), 0
    for train, test, score in folds:
        seen = _Scale(score[train], weight[train])
        held_out[test] = score[test]
        carried[test] = goal.of_ranks_in(seen, score[test])
        n_folds += bool(weight[test].any())
        lead += seen.lead_of(score[test], weight[test])
    if np.abs(lead).max() > MOST_LEAD * weight.sum():
        return held_out
    # Scores of new and known rows differ by 1 / (number of known rows).
    share = 1 / n_folds
    nearer = _Scale(
        np.concatenate([carried, final]),
        np.concatenate([(1 - share) * weight, share * weight]),
    )
    return nearer.of_ranks_in(_Scale(carried, weight), carried)


class _Scale:
    """The finite scores of some rows as steps: each level, and the ranks it spans."""

    def __init__(self, score, weight):
        counted = np.isfinite(score) & (weight > 0)
        order = np.argsort(score[counted], kind="stable")
        score, weight = score[counted][order], weight[counted][order]
        self.rounding = ROUNDING * usual_size(score)
        first = np.append(True, np.diff(score) > self.rounding)
        first = np.flatnonzero(first[: len(score)])
        self.level = score[first]
        self.last = score[np.append(first[1:], len(score)) - 1]
        self.mass = np.add.reduceat(weight, first) / (weight.sum() or 1)
        self.middle = np.cumsum(self.mass) - self.mass / 2

    def of_ranks_in(self, other, score):
        """Map scores from another scale to this one by rank."""
        if not len(self.level) or not len(other.level):
            return score
        inside = np.clip(score, other.level[0], other.level[-1])
        rank = np.interp(inside, other.level, other.middle)
        # Tied rows stay tied, so nearly all of their ranks map to one level.
        half = self.mass * np.where(self.mass > TIED, 0.499, 0.25)
        steps = np.stack([self.middle - half, self.middle + half], axis=1)
        carried = np.interp(rank, steps.ravel(), np.repeat(self.level, 2))
        return carried + (score - inside) * self._stretch(other)

    def lead_of(self, score, weight):
        """Weight of these scores up to each rank, minus the weight expected there."""
        if not len(self.level):
            return np.zeros(len(RANKS))
        order = np.argsort(score)
        reached = np.append(0.0, np.cumsum(weight[order]))
        below, up_to = (
            reached[np.searchsorted(score[order], end, side=side)]
            for side, end in (
                ("left", self.level - self.rounding),
                ("right", self.last + self.rounding),
            )
        )
        top = np.cumsum(self.mass)
        ends = np.stack([top - self.mass, top], axis=1).ravel()
        lead = np.stack([below, up_to], axis=1).ravel() - ends * reached[-1]
        return np.interp(RANKS, ends, lead)

    def _stretch(self, other):
        ours, theirs = np.ptp(self.level), np.ptp(other.level)
        return ours / theirs if ours and theirs else 1.0
