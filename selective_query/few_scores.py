"""A base of few distinct scores, whose coverage its folds could not tell."""

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._validation import num_samples, warn_user
from selective_query.budgets.thresholds import TIE_TOLERANCE
from selective_query.exceptions import CalibrationWarning

# So few that each holds a share of the rows too large to be left to chance. Such a
# model cannot fit single rows either, so that rows it has learned from show the shares.
FEW = round(1 / TIE_TOLERANCE)
ENOUGH_ROWS = 2_000
DIGITS = 9  # Votes of a forest, added up in another order, are the same score.


def warn_of_few_scores(classifier, outcomes, X, weight=None):
    """Warn where the fitted base keeps another share of rows than its folds promised.

    The threshold comes from models that were fitted on parts of the rows. Their scores
    together are finer than those of the one that is fitted on all, which for a small
    tree may all lie on one side of it.

    Parameters
    ----------
    classifier : BaseSelectiveClassifier
        Fitted.
    outcomes : Outcomes
        Of its folds.
    X : array-like
        What it was fitted on.
    weight : ndarray of shape (n_samples,), optional
    """
    weight = np.ones(num_samples(X)) if weight is None else weight
    counted = np.flatnonzero(weight)
    some = np.unique(np.linspace(0, len(counted) - 1, ENOUGH_ROWS).astype(int))
    rows = counted[some]
    policy = classifier.policy_
    evidence = classifier._evidence(_safe_indexing(X, rows))
    if evidence.base_proba is None:
        return
    n_scores = len(np.unique(policy.query_score(evidence)))
    if n_scores > FEW:
        return
    answers = _distinct(evidence.base_proba)
    if len(answers) > FEW or answers <= _distinct(outcomes.base_proba[counted]):
        return
    kept = np.average(policy.decide(evidence), weights=weight[rows])
    expected = policy.operating_point_.coverage
    if abs(kept - expected) <= TIE_TOLERANCE:
        return
    warn_user(
        f"The base, fitted on all rows, knows only {n_scores} distinct scores, and by "
        f"them coverage is {kept:.3f} where its folds promised {expected:.3f}. Set "
        "calibration=0.2, so that the threshold comes from the base in use; a base "
        "with finer probabilities comes closer.",
        CalibrationWarning,
    )


def _distinct(proba):
    return {row.tobytes() for row in np.unique(proba.round(DIGITS), axis=0)}
