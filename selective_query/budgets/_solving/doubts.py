"""Signs, among the rows of a fit, that a threshold from its folds will be off."""

import numpy as np

from selective_query.outcomes._sorted_rows import SortedRows

# Ties count where they lie within so many ranks of the cut: where the final fit cuts,
# the folds do not tell more closely.
NEARBY = 0.05
# Scores that differ by no more than this share of their spread are one: what is left
# of a probability of one, or of ties that a router carried to another scale.
TOLD_APART = 1e-9


def share_tied(score, weight, fold, coverage):
    """How large the groups of rows are that share a score, near the cut.

    Folds are looked at one by one: what their fits differ in keeps rows apart that the
    fit in use will not.

    Parameters
    ----------
    score, weight : ndarray of shape (n_samples,)
        Weights are positive.
    fold : ndarray of shape (n_samples,)
    coverage : float
        Rank of the cut.

    Returns
    -------
    float
        The share of its fold, itself left out, with which a row ties, on average.
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
    """How differently the final fit and those of folds rank rows that both know.

    Parameters
    ----------
    score, weight : ndarray of shape (n_samples,)
        Of the calibration rows, which say what rank a score has.
    known_score, known_mass, row, fit : ndarray of shape (n_known,)
        Scores of rows by fits that have learned from them: how much each counts, of
        which row and by which fit. The last fit is the final one; it has scored, in
        rising order, all rows that any other has.

    Returns
    -------
    float
        Mean difference of ranks, where 1 is that of scores without any relation.
    """
    final = fit == fit.max(initial=0)
    if final.all():
        return 0.0
    rows = SortedRows(score)
    rank = rows.kept(weight[rows.order])[rows.cut_at(known_score)] / weight.sum()
    of_final = rank[final][np.searchsorted(row[final], row[~final])]
    # Two unrelated uniform ranks differ by a third.
    return 3 * np.average(
        np.abs(of_final - rank[~final]), weights=np.abs(known_mass[~final])
    )
