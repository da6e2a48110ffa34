"""Methods of fitted selective classifiers: decide, report, move the threshold."""

import copy
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from selective_query._models.answers import Answers, ask
from selective_query._models.crossfit import (
    refuse_other_labels,
    to_outcomes,
)
from selective_query._models.judging import NOT_NONE
from selective_query._models.sides import warn_of_weak_models
from selective_query._utils.fitting import UNCHANGED, sliceable
from selective_query._utils.labels import check_truth, labelled_rows
from selective_query._utils.validation import is_frozen, warn_user, will_offer
from selective_query.budgets._columns import rows_that_stay
from selective_query.budgets._solving.calibration import certify_jointly
from selective_query.classifiers._on_device import footprint_of
from selective_query.exceptions import CalibrationWarning
from selective_query.outcomes import Evidence
from selective_query.reports._rows import DecidedRows
from selective_query.reports._spending import query_costs
from selective_query.rule import Rule


class Edge(NamedTuple):
    """A fitted base and the rule that decides whether to accept its answers."""

    base: object
    features: object
    rule: Rule
    classes: np.ndarray
    who: str = "base_estimator"

    def ask(self, X):
        """The base's answers to X."""
        return ask(self.base, X, self.classes, self.features, self.who)

    def evidence(self, X, answers=None):
        """Evidence for the router; the base runs only if its answers are part of it."""
        if not self.rule.needs_base:
            return Evidence(X=X)
        return (self.ask(X) if answers is None else answers).evidence(X)

    def route(self, X):
        """The base's answers to all rows, and the mask of the kept rows."""
        answers = self.ask(X)
        return answers, self.rule.decide(self.evidence(X, answers))

    def route_sparing_base(self, X):
        """Route rows; if the rule needs no base, the base does not run on queried rows.

        The answers to those rows are zeros.
        """
        if self.rule.needs_base:
            return self.route(X)
        kept = self.rule.decide(Evidence(X=X))
        proba = np.zeros((len(kept), len(self.classes)))
        if kept.any():
            proba[kept] = self.ask(_safe_indexing(X, np.flatnonzero(kept))).proba
        return Answers(proba), kept


class LabelledRowsMixin:
    """Requires ``policy_``, ``classes_``, ``at`` and ``_outcomes(X, y, weight)``."""

    def _sliceable(self, X):
        # The full checks take as long as a small base takes for one row.
        if not hasattr(self, "policy_"):
            check_is_fitted(self, "policy_")
        return sliceable(X, self)

    def _labelled(self, X, y, sample_weight, *, may_vanish=False):
        """Rows, labels and weights (or None), checked before any model runs."""
        check_is_fitted(self, "policy_")
        X, y, sample_weight = labelled_rows(X, y, sample_weight, may_vanish=may_vanish)
        return X, check_truth(y, self.classes_), sample_weight

    def outcomes(self, X, y, *, sample_weight=None):
        """Answers of all models to labelled rows, for curves and comparisons.

        Every model is queried about every row, except that a hybrid's global is not
        queried about rows that must stay with the base: there the base's answer takes
        its place, marked in ``local_only``. Rows that the global failed to answer get
        weight zero, and an :class:`~selective_query.exceptions.UnavailableWarning`
        counts them.

        Parameters
        ----------
        X, y : array-like
            New to the models. If y has labels that no model knows, every answer to
            those rows is wrong, and the outcomes hold graded utilities in place of y.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        Outcomes, or ChainOutcomes of a CascadeClassifier

        Raises
        ------
        ValueError
            If lengths differ, a label is missing or of another kind than the classes,
            or a weight is negative.
        GlobalUnavailableError
            If a hybrid's global answered fewer than half of the rows. The ``replies``
            of the error hold the answers that came.
        """
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        return self._outcomes(self._sliceable(X), y, sample_weight)

    def certify_jointly(self, budgets, *, confidence):
        """The classifier at several operating points whose budgets hold jointly.

        See :meth:`RoutingPolicy.certify_jointly`.

        Parameters
        ----------
        budgets : sequence of (float or Budget)
        confidence : float
            Probability with which all budgets hold on new data.

        Returns
        -------
        list of classifiers
            Of this type; a budget that cannot be certified gives its
            ``BudgetInfeasibleError`` instead.

        Raises
        ------
        ValueError
            If there is no budget, or the confidence is not a probability.
        """
        check_is_fitted(self, "policy_")
        return certify_jointly(self.at, budgets, confidence)


class DecidingMixin(LabelledRowsMixin):
    """Requires ``base_estimator_``, ``base_features``, ``policy_`` and ``classes_``."""

    @property
    def rule_(self):
        """The rule of the policy, which makes all decisions."""
        return self.policy_.rule_

    @property
    def edge_(self):
        """The part that runs on the device: base, features, rule and classes."""
        return Edge(self.base_estimator_, self.base_features, self.rule_, self.classes_)

    def _evidence(self, X):
        X = self._sliceable(X)
        return self.edge_.evidence(X)

    def predict_coverage(self, X):
        """Whether the base answers, for each row; the mean is the coverage.

        Each row's decision depends on that row alone, not on its batch.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers.
        """
        evidence = self._evidence(X)  # first checks that this is fitted
        return self.rule_.decide(evidence)

    def query_score(self, X):
        """How much a query is expected to gain, as ranked by the router.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first. The base answers where the score is at most
            ``operating_point_.threshold``.
        """
        evidence = self._evidence(X)  # first checks that this is fitted
        return self.rule_.score(evidence)

    def _outcomes(self, X, y, weight, local=None):
        local = self.rule_.local if local is None else local
        base = ask(self.base_estimator_, X, self.classes_, self.base_features)
        stays = rows_that_stay(local, base.evidence(X)) if local else None
        answers, missing = self._judged(X, None if stays is None else ~stays)
        return to_outcomes(
            base,
            answers,
            X,
            y,
            self.classes_,
            weight,
            stays=stays,
            missing=missing,
        )

    def _judged(self, X, asked=None, **least):
        """Answers of the global to some rows, and a mask of the failed ones."""
        return None, None

    def _reported(self, rows, evidence, **costs):
        """Report on rows that the rule has decided."""
        calibration = self.policy_.calibration_columns()
        return self.rule_.reported(
            rows, evidence, calibration=calibration, model=self, **costs
        )

    def at(self, coverage, *, confidence=UNCHANGED):
        """Move to another operating point without refitting.

        The copy shares the models and the router; only the threshold changes.
        Certificates are pointwise, so those of several calls need not hold jointly.

        Parameters
        ----------
        coverage : float, Budget or None
            Minimum share of inputs that the base answers, in [0, 1], or a budget.
        confidence : float or None
            Probability with which the budget holds on new data; unchanged by default.

        Returns
        -------
        The same type
            A shallow copy; this object is unchanged.
        """
        check_is_fitted(self, "policy_")
        self._check_target(coverage)
        moved = copy.copy(self)
        moved.policy_ = self.policy_.at(coverage, confidence=confidence)
        moved.operating_point_ = moved.policy_.operating_point_
        moved.coverage = moved.policy_.coverage
        moved.confidence = moved.policy_.confidence
        return moved

    def with_base(
        self, base_estimator, X, y, *, sample_weight=None, refit_router=False
    ):
        """Replace the base, and learn a new threshold for it.

        For a base that was quantised, pruned or updated: its scores differ, so the old
        threshold no longer gives the requested coverage. The global is queried about
        every row that may be sent, as in ``fit``.

        Parameters
        ----------
        base_estimator : classifier with predict_proba
            Fitted.
        X, y : array-like
            Rows that are new to both bases, to the global and to the router.
        sample_weight : array-like of shape (n_samples,), optional
        refit_router : bool, default=False
            False keeps the router and learns only the threshold. True also refits the
            router to the new base on these rows; a learned router needs this if the new
            base has different features. Its threshold then comes from out-of-fold
            scores, or from a share of the rows if `calibration` is a share.

        Returns
        -------
        The same type
            A shallow copy. Only fitted attributes are replaced: the parameters, from
            which another ``fit`` would start, still hold the old base.

        Raises
        ------
        ValueError
            If the new base has no predict_proba, knows labels that the classifier does
            not, or shares no label with y.
        CertificateError
            If `confidence` was given and `refit_router` would make it untrue.
        DeviceLimitError
            If the new base, with its router, does not fit `device`.
        """
        check_is_fitted(self, "policy_")
        check_base(base_estimator)
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        refuse_other_labels(self.classes_, np.unique(y), "base_estimator")
        moved = copy.copy(self)
        moved.base_estimator_ = base_estimator
        outcomes = moved._outcomes(moved._sliceable(X), y, sample_weight)
        warn_of_weak_models(outcomes, {"base_estimator": True})
        if refit_router:
            share = self.calibration if isinstance(self.calibration, Real) else None
            moved.policy_ = clone(self.policy_).set_params(calibration=share)
            moved.policy_.fit(outcomes)
        else:
            moved.policy_ = self.policy_.recalibrated(outcomes)
        moved.operating_point_ = moved.policy_.operating_point_
        moved.footprint_ = footprint_of(moved.edge_, moved.device, X)
        return moved


def check_base(base_estimator):
    """Raise for a base that does not report its confidence.

    Raises
    ------
    ValueError
        If it has no predict_proba.
    """
    if not will_offer(base_estimator, "predict_proba"):
        raise ValueError(
            f"base_estimator={base_estimator!r} has no predict_proba, so its "
            "confidence is unknown. Use a classifier that has one, or wrap it in "
            "CalibratedClassifierCV."
        )


def warn_of_nesting(model, who):
    """Warn of a later model that routes by itself, with a threshold for other rows.

    A frozen model is exempt: it may have been fitted on the rows that will reach it.
    """
    if is_frozen(model):
        return
    while isinstance(model, Pipeline) and model.steps:
        model = model.steps[-1][1]
    if getattr(model, "passes_on", False):
        warn_user(
            f"{who} is a {type(model).__name__}, which learns its threshold "
            "from all rows but is then queried only about hard ones, so it keeps a "
            "different share of them than requested. Use CascadeClassifier("
            "[('first', ...), ('second', ...), ('last', ...)]), which learns each "
            "threshold on the rows that reach its tier; or fit this one on rows that "
            "are passed on, and freeze it.",
            CalibrationWarning,
        )


def decided_rows(model, X, y, sample_weight=None, *, query_all=False, may_vanish=False):
    """Decide labelled rows with a model, as a basis for ``model.report``.

    Parameters
    ----------
    model : HybridClassifier or AbstainingClassifier
        Fitted.
    X, y, sample_weight
        As in ``model.report``.
    query_all : bool, default=False
        Whether the global is queried about every row that may be sent.
    may_vanish : bool, default=False
        Whether all weights may be zero, as in one chunk of several.

    Returns
    -------
    rows : DecidedRows
    evidence : Evidence
    """
    X, y, weight = model._labelled(X, y, sample_weight, may_vanish=may_vanish)
    X = model._sliceable(X)
    edge = model.edge_
    base = edge.ask(X)
    evidence = edge.evidence(X, base)
    score, kept = edge.rule.scored(evidence)
    said = model.classes_[base.label]
    known = {
        "score": score, "kept": kept, "base_utility": (said == y).astype(float),
        "weight": weight, "truth": y, "said": said,
        "query_costs": query_costs(edge.rule.budget, evidence),
    }  # fmt: skip
    if hasattr(model, "global_estimator_"):
        judged = np.full(len(kept), query_all)
        if query_all:
            judged = edge.rule.masked(np.zeros(len(kept)), evidence) == 0
        least = 0 if may_vanish else NOT_NONE
        answers, missing = model._judged(X, ~kept | judged, least=least)
        right = (model.classes_[answers.label] == y).astype(float)
        known |= {"global_utility": right, "judged": judged & ~missing}
        known["missing"] = missing
    return DecidedRows(**known), evidence
