"""Signs, in the rows of a fit, that a threshold from its folds may not carry over."""

import numpy as np

from selective_query.outcomes._sorted_rows import SortedRows

# Ties count if they lie within this many ranks of the cut: the folds do not determine
# the cut of the final fit more precisely.
NEARBY = 0.05
# Scores that differ by no more than this share of their spread count as equal: rounding
# of probabilities near one, or ties that a router rescaled.
TOLD_APART = 1e-9


def share_tied(score, weight, fold, coverage):
    """Mean size of the groups of rows that share a score near the cut.

    Folds are examined one by one: the differences between their fits separate rows that
    would tie under the fit in use.

    Parameters
    ----------
    score, weight : ndarray of shape (n_samples,)
        Weights are positive.
    fold : ndarray of shape (n_samples,)
    coverage : float
        Rank of the cut, as a share of the rows.

    Returns
    -------
    float
        Mean share of the other rows of its fold with which a row ties.
    """
    tied = near = 0.0
    for number in np.unique(fold):
        rows = fold == number
        order = np.argsort(score[rows])
        ordered, mass = score[rows][order], weight[rows][order]
        kept = np.append(0.0, np.cumsum(mass)) / mass.sum()
        apart = TOLD_APART * _spread(ordered)
        up_to = kept[np.searchsorted(ordered, ordered + apart, side="right")]
        below = kept[np.searchsorted(ordered, ordered - apart, side="left")]
        middle = (kept[1:] + kept[:-1]) / 2
        mass = mass * (np.abs(middle - coverage) <= NEARBY)
        tied += mass @ (up_to - below - np.diff(kept))
        near += mass.sum()
    return tied / near if near else 0.0


def _spread(ordered):
    finite = ordered[np.isfinite(ordered)]
    return np.ptp(np.quantile(finite, [0.05, 0.95])) if len(finite) else 0.0


def disagreement(score, weight, known_score, known_mass, row, fit):
    """How differently the final fit and the folds' fits rank rows that both have seen.

    Parameters
    ----------
    score, weight : ndarray of shape (n_samples,)
        Scores of the calibration rows; they map scores to ranks.
    known_score, known_mass, row, fit : ndarray of shape (n_known,)
        Scores of rows by fits that were fitted on them, with the mass, row number and
        fit number of each. The highest fit number is the final fit; it has scored, in
        rising order, every row that any other fit has scored.

    Returns
    -------
    float
        Mean difference in rank; 1 corresponds to unrelated scores.
    """
    final = fit == fit.max(initial=0)
    if final.all():
        return 0.0
    rows = SortedRows(score)
    rank = rows.kept(weight[rows.order])[rows.cut_at(known_score)] / weight.sum()
    of_final = rank[final][np.searchsorted(row[final], row[~final])]
    # Two independent uniform ranks differ by a third on average.
    return 3 * np.average(
        np.abs(of_final - rank[~final]), weights=np.abs(known_mass[~final])
    )
