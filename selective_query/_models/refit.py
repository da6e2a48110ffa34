"""How refitting on all rows changes a model's answers, estimated from its folds."""

from typing import NamedTuple

import numpy as np

from selective_query._models.answers import Answers


class FoldAnswers(NamedTuple):
    """Answers of one fit to its held-out rows and to some rows it was fitted on."""

    test: np.ndarray
    held_out: Answers
    seen: np.ndarray
    seen_answers: Answers | None


class SignedAnswers(NamedTuple):
    """Answers to some rows, and the mass of each, which may be negative.

    `fit` is the number of the fit if it was fitted on these rows (the highest number is
    the fit on all rows), and -1 if they were held out from it.
    """

    answers: Answers
    row: np.ndarray
    mass: np.ndarray
    fit: int


def change_by_refit(folds, coarser, some, final, weight):
    """Answers that, added to those of the folds, make them represent the final fit.

    The final fit differs in two ways. First, it was fitted on more rows. If the share
    F(t) of scores up to t changes in proportion to 1 / (number of rows), then the
    change is (K - 2) / K times the change from fits on K - 2 of K folds to fits on K -
    1. Second, it is a single fit with its own scale. That effect is measured on rows
    that both the final fit and a fold's fit were fitted on: it is the difference of
    their answers, less what the larger number of rows explains there.

    Parameters
    ----------
    folds, coarser : list of FoldAnswers
        Fits on all folds but one, and on all but two; in the latter, every row is in at
        least one test part.
    some : ndarray of shape (n_some,)
        Sorted row numbers; all rows in `seen` are among them.
    final : Answers
        Answers of the fit on all rows to the rows of `some`.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    list of SignedAnswers
        The total mass is zero.
    """
    step = (len(folds) - 2) / len(folds)
    signed, of_final = [], np.zeros(len(some))
    for fits, held_out_sign, seen_sign in (
        (folds, step, 1 + step),
        (coarser, -step, -step),
    ):
        times = np.bincount(np.concatenate([fit.test for fit in fits]))
        for fit in fits:
            mass = held_out_sign * weight[fit.test] / times[fit.test]
            signed.append(SignedAnswers(fit.held_out, fit.test, mass, -1))
            share = weight[fit.seen] / weight[fit.seen].sum()
            mass = seen_sign * weight.sum() / len(fits) * share
            signed.append(
                SignedAnswers(fit.seen_answers, fit.seen, -mass, len(signed) // 2)
            )
            of_final[np.searchsorted(some, fit.seen)] += mass
    return [*signed, SignedAnswers(final, some, of_final, len(signed) // 2)]
