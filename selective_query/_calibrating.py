"""Build the calibration from which a rule's threshold is learned."""

from dataclasses import replace

import numpy as np
from sklearn.utils import check_random_state

from selective_query.budgets._columns import RowColumns
from selective_query.budgets._solving.calibration import Calibration
from selective_query.budgets._solving.reach import judged_rows
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers._scores import check_scores, scores_of


def fitted_out_of_fold(rule, outcomes, change=(), answers_exact=True, rows=None):
    """Fit the router on all or some of the rows and calibrate on all of them.

    If the router learns, the rows that it was fitted on get out-of-fold scores.

    Parameters
    ----------
    rule : Rule
        Its router is fitted here, in place.
    outcomes : Outcomes
    change, answers_exact
        See :meth:`RoutingPolicy.fit`.
    rows : ndarray of int, optional
        Rows to fit the router on; all rows by default.

    Returns
    -------
    Calibration
        Still to be passed to :func:`completed`.
    """
    router = rule.router
    learned = outcomes if rows is None else outcomes.take(rows)
    score = check_scores(router.fit_score(learned), router, learned.n_rows)
    if rows is not None:
        held_out, score = score, scores_of(router, outcomes)
        score = score.astype(np.result_type(score, held_out))
        score[rows] = held_out
    score = rule.masked(score, outcomes)
    shift = None
    if change:
        parts = [
            (rule.score(evidence), mass, row, np.full(len(row), fit))
            for evidence, row, mass, fit in change
        ]
        shift = tuple(map(np.concatenate, zip(*parts, strict=True)))
    scores = CalibrationScores(
        score,
        outcomes.sample_weight,
        exact=not router.learns and outcomes.fold is None,
        shift=shift,
        fold=outcomes.fold,
    )
    judged = judged_rows(score, outcomes)
    return Calibration(scores, judged, answers_exact=answers_exact)


def of_new_rows(rule, held_out, answers_exact=True, ordering=None):
    """Build a calibration from rows that nothing was fitted on.

    Parameters
    ----------
    rule : Rule
        With a fitted router.
    held_out : Evidence or Outcomes
    answers_exact : bool, default=True
    ordering : JudgedRows, optional
        Separate rows that set the order in which thresholds are tested on these rows.

    Returns
    -------
    Calibration
        Still to be passed to :func:`completed`.
    """
    score, weight, judged = rule.score(held_out), None, None
    if isinstance(held_out, Outcomes):
        weight, judged = held_out.sample_weight, judged_rows(score, held_out)
    fold = getattr(held_out, "fold", None)
    scores = CalibrationScores(score, weight, exact=fold is None, fold=fold)
    return Calibration(scores, judged, ordering=ordering, answers_exact=answers_exact)


def completed(calibration, rule, budget, evidence, random_state):
    """Add to a calibration what `at` needs to switch between budgets.

    Parameters
    ----------
    calibration : Calibration
    rule : Rule
    budget : Budget or None
        The columns that it reads from the evidence are stored.
    evidence : Evidence
        Evidence of the calibration rows.
    random_state : int, RandomState instance or None

    Returns
    -------
    Calibration
    """
    return replace(
        calibration,
        # Drawn once, so that repeated calls of `at` give the same result.
        seed=check_random_state(random_state).randint(2**31 - 1),
        columns=RowColumns.read(budget, evidence),
        in_benefit_units=rule.router.in_benefit_units,
    )
