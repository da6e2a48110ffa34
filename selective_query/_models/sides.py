"""One of the two models during a fit: its held-out answers and its final fit."""

from functools import cached_property

import numpy as np
from sklearn.utils import _safe_indexing, assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

from selective_query._models.answers import ask
from selective_query._models.crossfit import (
    CrossFit,
    fit_model,
    joined,
    labels_of_all,
    times,
    to_outcomes,
)
from selective_query._models.judging import ask_to_judge
from selective_query._models.refit import change_by_refit
from selective_query._utils.labels import labelled_rows
from selective_query._utils.validation import is_frozen, offers_weights, warn_user
from selective_query.exceptions import CalibrationWarning, ModelWarning

GLOBAL = "global_estimator"
# Far enough below the constant, the best of many, that chance cannot explain it.
N_STANDARD_ERRORS = 4
# With fewer rows, a standard error says little about chance.
ENOUGH_ROWS = 30
# Rows, seen by both, on which two fits are compared.
N_COMPARED = 1000
# With fewer folds, the change by a fit on all rows cannot be estimated.
LEAST_FOLDS = 3


def rows_of_fit(X, y, sample_weight, models):
    """Select the rows that models can be fitted on, and collect all known labels.

    Parameters
    ----------
    X, y, sample_weight
        As in ``fit``.
    models : dict of str to classifier
        Keyed by the name used in messages; None is skipped.

    Returns
    -------
    X, y, sample_weight
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If y has fewer than two classes, or its labels do not match those of a frozen
        model.
    """
    X, y, sample_weight = labelled_rows(X, y, sample_weight)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    if sample_weight is not None:
        _warn_unweighted(models.values())
    classes = labels_of_all(y, models)
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least two classes. Got {len(classes)} class: "
            f"{classes.tolist()}. There is nothing to route with one."
        )
    return X, y, sample_weight, classes


def _warn_unweighted(models):
    """Warn of each model that will be fitted without sample weights."""
    for model in models:
        if model is None or is_frozen(model):
            continue
        if not offers_weights(model):
            warn_user(
                f"{type(model).__name__} takes no sample_weight in fit, so weights "
                "reach the router and the threshold only, not this model.",
                UserWarning,
            )


class FitRows:
    """The rows of a fit, and the folds that both sides share.

    Parameters
    ----------
    X, y, weight
        Data; y holds labels, and the weight may be None.
    classes : ndarray of shape (n_classes,)
    cv, n_jobs, verbose
        As in :class:`CrossFit`.
    """

    def __init__(self, X, y, weight, classes, cv, n_jobs, verbose):
        self.X, self.y, self.weight, self.classes = X, y, weight, classes
        self._options = cv, classes, n_jobs, verbose

    @cached_property
    def cross_fit(self):
        """Created when first needed; frozen models do not need it."""
        return CrossFit(self.X, self.y, self.weight, *self._options)


class Side:
    """A model, with an optional factor on the weights of its rows.

    Parameters
    ----------
    model : estimator or None
        None for the global of an abstaining classifier.
    rows : FitRows
    who : str
        Name of its parameter, for messages.
    features : as `base_features`, or None
    factor : ndarray of shape (n_samples,) or None
    compares : bool, default=False
        Whether its fits also answer some rows that they were fitted on, so that they
        can be compared.
    """

    def __init__(self, model, rows, who, features=None, factor=None, *, compares=False):
        self.model, self.rows, self.who = model, rows, who
        self.features, self.factor, self.compares = features, factor, compares

    @property
    def stays(self):
        """Whether the model is frozen or absent, so that no fit changes it."""
        return self.model is None or is_frozen(self.model)

    def weighted(self, factor):
        """A copy of this side with another factor on the row weights."""
        return Side(
            self.model,
            self.rows,
            self.who,
            self.features,
            factor,
            compares=self.compares,
        )

    @cached_property
    def answers(self):
        """Out-of-fold answers to all rows."""
        if self.model is None:
            return None
        if self.stays:
            rows = self.rows
            return ask(self.model, rows.X, rows.classes, self.features, self.who)
        return joined(self._folds)

    @cached_property
    def _folds(self):
        return self._by(self.rows.cross_fit.folds)

    @property
    def _counted_folds(self):
        return [self._folds[number] for number in self.rows.cross_fit.counted]

    def _by(self, folds):
        some = self._compared if self.compares else ()
        return folds(self.model, self.features, self.who, self.factor, some)

    @cached_property
    def _compared(self):
        rows = self.rows
        counted = np.arange(len(rows.y))
        if rows.weight is not None:
            counted = np.flatnonzero(rows.weight)
        spread = np.linspace(0, len(counted) - 1, N_COMPARED).astype(int)
        return counted[np.unique(spread)]

    def agreement_of_features(self):
        """How well feature columns of two fits agree on rows that both were fitted on.

        Returns
        -------
        float
            Mean correlation between a column of the fit on all rows and the same column
            of the folds' fits; nan if no column varies.
        """
        mean = []
        for fold in self._counted_folds:
            place = np.searchsorted(self._compared, fold.seen)
            ours, theirs = self._final.features[place], fold.seen_answers.features
            with np.errstate(invalid="ignore", divide="ignore"):
                ours, theirs = (
                    (part - part.mean(axis=0)) / part.std(axis=0)
                    for part in (ours, theirs)
                )
            mean.append((ours * theirs).mean(axis=0))
        mean = np.concatenate(mean)
        known = mean[np.isfinite(mean)]
        return float(known.mean()) if len(known) else np.nan

    @cached_property
    def _final(self):
        """Answers of the fit on all rows to the rows on which fits are compared."""
        some = _safe_indexing(self.rows.X, self._compared)
        return ask(self.fitted, some, self.rows.classes, self.features, self.who)

    def change_by_refit(self):
        """Signed answers that account for the refit on all rows.

        Returns
        -------
        RefitChange or list
            Of (evidence, row, mass, fit), as in
            :func:`~selective_query._models.refit.change_by_refit`; empty if nothing is
            fitted, or if too few folds have weight to estimate it.
        """
        rows = self.rows
        if self.stays or len(rows.cross_fit.splits) < LEAST_FOLDS:
            return []
        if len(rows.cross_fit.counted) < LEAST_FOLDS:
            warn_user(
                f"sample_weight is zero on all but {len(rows.cross_fit.counted)} folds "
                f"of cv. With fewer than {LEAST_FOLDS}, the effect of the fit on all "
                "rows cannot be estimated, and coverage may be off by several points. "
                "Leave out the rows without weight, so that an int in cv spreads the "
                "others over all folds; or use calibration=0.2.",
                CalibrationWarning,
            )
            return []
        weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
        coarser = self._by(rows.cross_fit.coarser_folds)
        parts = change_by_refit(
            self._counted_folds, coarser, self._compared, self._final, weight
        )
        return RefitChange(parts, rows.X)

    @cached_property
    def fitted(self):
        """The model fitted on all rows; fitted on first access."""
        weight = times(self.rows.weight, self.factor)
        return fit_model(self.model, self.rows.X, self.rows.y, weight)


class GlobalSide(Side):
    """The side that may be remote: rows that must stay are not sent to it.

    Parameters
    ----------
    model : estimator or None
    rows : FitRows
    local : ndarray of shape (n_samples,), bool, or None
        Rows that must stay; if the model is frozen, its answers to them are unknown.
    factor : ndarray of shape (n_samples,) or None
    """

    def __init__(self, model, rows, local=None, factor=None):
        super().__init__(model, rows, GLOBAL, factor=factor)
        self.local = local

    def weighted(self, factor):
        """A copy of this side with another factor on the row weights."""
        return GlobalSide(self.model, self.rows, self.local, factor)

    @cached_property
    def answers(self):
        """Out-of-fold answers to all rows."""
        if self.model is None or not self.stays:
            return super().answers
        return self._judged[0]

    @property
    def missing(self):
        """Rows that were queried but got no answer, shape (n_samples,), bool."""
        if self.model is None or not self.stays:
            return np.zeros(len(self.rows.y), dtype=bool)
        return self._judged[1]

    @property
    def silent(self):
        """Rows that were not sent or got no answer, shape (n_samples,), bool."""
        if self.local is None or self.model is None or not self.stays:
            return self.missing
        return self.missing | self.local

    @cached_property
    def _judged(self):
        asked = None if self.local is None else ~self.local
        return ask_to_judge(self.model, self.rows.X, self.rows.classes, asked)


class RefitChange:
    """Signed answers as evidence, one part at a time; can be iterated repeatedly.

    Parameters
    ----------
    parts : list of SignedAnswers
    X : the inputs of all rows
    """

    def __init__(self, parts, X):
        self._parts, self._X = parts, X

    def __iter__(self):
        # One part at a time: all together would take twice the memory of X.
        for answers, row, mass, fit in self._parts:
            yield answers.evidence(_safe_indexing(self._X, row)), row, mass, fit


class Sides:
    """Base and global on the same rows.

    Parameters
    ----------
    base : Side
    global_ : GlobalSide
    """

    def __init__(self, base, global_):
        self.base, self.global_ = base, global_

    @cached_property
    def outcomes(self):
        """Out-of-fold outcomes of both models on all rows."""
        rows = self.base.rows
        return to_outcomes(
            self.base.answers,
            self.global_.answers,
            rows.X,
            rows.y,
            rows.classes,
            rows.weight,
            None if self.base.stays else rows.cross_fit.fold,
            stays=self.global_.local,
            missing=self.global_.missing,
        )


def warn_of_weak_models(outcomes, sides):
    """Warn of each model that is less accurate than one constant answer.

    Parameters
    ----------
    outcomes : Outcomes
        On rows that the models were not fitted on.
    sides : dict of str to bool
        Whether "base_estimator" and "global_estimator" were given frozen.
    """
    stays, may_leave = outcomes.local_only, outcomes
    if stays is not None:
        may_leave = outcomes.take(~stays)
    if sides.get("base_estimator"):
        warn_if_weak("base_estimator", outcomes.base_utility, outcomes)
    if sides.get(GLOBAL):
        warn_if_weak(GLOBAL, may_leave.query_utility, may_leave)


def warn_if_weak(who, right, outcomes):
    """Warn if a model is right less often than one constant answer.

    Parameters
    ----------
    who : str
        Name of its parameter.
    right : ndarray of shape (n_samples,)
        Utility of each of its answers.
    outcomes : Outcomes
        For the same rows, with labels and weights.
    """
    weight = outcomes.weight
    if outcomes.y is None or (weight > 0).sum() < ENOUGH_ROWS:
        return
    labels, place = np.unique(outcomes.y, return_inverse=True)
    most_common = np.bincount(place, weights=weight).argmax()
    constant = (place == most_common).astype(float)
    if _is_below(right, constant, weight):
        warn_user(
            f"{who} is right about {np.average(right, weights=weight):.1%} of the "
            f"{outcomes.n_rows} calibration rows, and the same answer "
            f"{labels.tolist()[most_common]!r} for every row about "
            f"{np.average(constant, weights=weight):.1%}. Check that its labels "
            "mean what those in y do, and that its inputs are prepared as in its "
            "training.",
            ModelWarning,
        )


def _is_below(right, constant, weight):
    lead = constant - right
    mean = np.average(lead, weights=weight)
    error = np.sqrt((weight**2 * (lead - mean) ** 2).sum()) / weight.sum()
    return mean > N_STANDARD_ERRORS * error
