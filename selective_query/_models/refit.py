"""What a fit on all rows changes in a model's answers, as its folds tell."""

from typing import NamedTuple

import numpy as np

from selective_query._models.answers import Answers


class FoldAnswers(NamedTuple):
    """Answers of one fit: to rows held out from it, and to some that it has seen."""

    test: np.ndarray
    held_out: Answers
    seen: np.ndarray
    seen_answers: Answers | None


class SignedAnswers(NamedTuple):
    """Answers to some rows, and the mass with which each counts, which may be < 0.

    Fits have learned from the rows where `known`.
    """

    answers: Answers
    row: np.ndarray
    mass: np.ndarray
    known: bool


def change_by_refit(folds, coarser, some, final, weight):
    """Answers to add to those of the folds, so that they stand for the final fit.

    Two things set the final fit apart. It has learned from more rows: if the share F(t)
    of scores up to t changes with 1 / (number of rows), then it changes by (K - 2) / K
    times what it changed from fits on K - 2 of K folds to those on K - 1. And it is one
    fit, with a scale of its own: on rows that it and a fold's fit have both learned
    from, both answer, and the difference of the two, less what more rows explain there,
    is its own.

    Parameters
    ----------
    folds, coarser : list of FoldAnswers
        Of fits on all folds but one, and but two; of the latter every row is in one
        test part at least.
    some : ndarray of shape (n_some,)
        Row numbers, in rising order, of which all that are seen are some.
    final : Answers
        To these, of the fit on all rows.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    list of SignedAnswers
        Of total mass zero.
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
            signed.append(SignedAnswers(fit.held_out, fit.test, mass, False))
            share = weight[fit.seen] / weight[fit.seen].sum()
            mass = seen_sign * weight.sum() / len(fits) * share
            signed.append(SignedAnswers(fit.seen_answers, fit.seen, -mass, True))
            of_final[np.searchsorted(some, fit.seen)] += mass
    return [*signed, SignedAnswers(final, some, of_final, True)]
