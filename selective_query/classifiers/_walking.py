"""What a fitted chain of classifiers does: ask tier by tier, report, move its cuts."""

import copy
from functools import partial

import numpy as np
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import check_is_fitted

from selective_query._models.answers import ask
from selective_query._models.crossfit import refuse_other_labels, to_outcomes
from selective_query._models.judging import ask_where
from selective_query._utils.fitting import UNCHANGED
from selective_query.budgets._columns import local_parts, rows_that_stay
from selective_query.budgets.combined import check_coverage
from selective_query.classifiers._abstain_label import abstaining
from selective_query.classifiers._deciding import Edge, LabelledRowsMixin, check_base
from selective_query.classifiers._on_device import footprint_of
from selective_query.classifiers._walk import RAISE, Walk, check_stand_in
from selective_query.classifiers.decisions import NOBODY, Decisions
from selective_query.metrics._chain_tally import ChainTally
from selective_query.outcomes import ChainOutcomes
from selective_query.reports import ChainReport
from selective_query.tiers._goals import own_shares


class WalkingMixin(LabelledRowsMixin):
    """Needs the parameters of CascadeClassifier, ``estimators_`` and ``policy_``."""

    @property
    def rule_(self):
        """All that decides, of the policy."""
        return self.policy_.rule_

    @property
    def edge_(self):
        """The part that runs on the device: the first tier."""
        return self.edges_[0]

    @property
    def edges_(self):
        """Of each tier: model, features, rule (None of the last), classes and name."""
        return tuple(
            Edge(model, self._features_of(tier), rule, self.classes_, self._who(tier))
            for tier, (model, rule) in enumerate(
                zip(self.estimators_, (*self.rule_.rules, None), strict=True)
            )
        )

    def _ask(self, tier, X, rows=None):
        """What one tier says of X, whichever rows these are."""
        features = self._features_of(tier)
        return ask(self.estimators_[tier], X, self.classes_, features, self._who(tier))

    def _said(self, X, ask_tier):
        """What each tier says of rows; of those that stay before it, the one before."""
        said, stays = [], None
        for tier in range(len(self.estimators)):
            if stays is None:
                said.append(ask_tier(tier, X))
            else:
                ask_some = partial(ask_tier, tier, rows=~stays)
                said.append(ask_where(ask_some, X, ~stays, said[-1]))
            local = self._local(tier)
            if local:
                here = rows_that_stay(local, said[-1].evidence(X))
                stays = here if stays is None else stays | here
        return said

    def _local(self, tier):
        """Parts of a tier's budget that name rows which must stay there."""
        if hasattr(self, "policy_"):  # whatever the parameters now say
            rules = self.rule_.rules
            return rules[tier].local if tier < len(rules) else ()
        shares = own_shares(self.coverage, len(self.estimators) - 1)
        if shares is None or tier == len(shares):
            return ()
        return local_parts(check_coverage(shares[tier]))

    def _who(self, tier):
        return f"estimators[{self.estimators[tier][0]!r}]"

    def _is_read(self, tier):
        """Whether a rule reads what a tier says: of the last, only to abstain."""
        return tier < len(self.estimators) - 1 or self.abstain is not None

    def _features_of(self, tier):
        return self.base_features if self._is_read(tier) else None

    def _walk(self, X, kind=None):
        """Ask tier by tier, each about the rows that those before pass on."""
        X = self._sliceable(X)
        if kind is None:
            kind = self.on_unavailable
            check_stand_in(kind, self.abstain_label, self.classes_)
        return Walk(self.edges_, self.rule_.doubts, kind, X)

    def predict(self, X):
        """Labels, each of the tier that answers.

        Every tier sees the rows that reach it, in one batch, and is not called when
        there are none.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        GlobalUnavailableError
            When a tier behind the first answers elsewhere, fails to, and
            `on_unavailable` is "raise".
        ValueError
            When X has other columns than in ``fit``, or a model does not answer with a
            distribution over its classes, or a known label, for each row.
        """
        return self._labels_of(self._walk(X))

    def _labels_of(self, walk):
        labels = self.classes_[walk.label]
        if self.abstain_label is None:
            return labels
        return abstaining(labels, walk.abstained, self.abstain_label)

    def predict_detailed(self, X):
        """Labels as in ``predict``, with who gave each, why, and what it took.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        Decisions
            ``answered_by`` is the name of a tier, or "nobody" where there is no answer;
            ``queried`` where the first tier passed the row on; ``failure`` why the
            last tier that was asked gave no answer; ``score`` that of the first tier.

        Raises
        ------
        GlobalUnavailableError, ValueError
            As ``predict`` does.
        """
        walk = self._walk(X)
        names = np.array([*(name for name, _ in self.estimators), NOBODY])
        failure = ["" if error is None else error.reason for error in walk.failure]
        return Decisions(
            self._labels_of(walk),
            names[walk.tier],
            walk.last > 0,
            np.array(failure, dtype="U12"),
            walk.score,
            walk.latency_ms,
            walk.attempts,
        )

    def predict_tier(self, X):
        """Number of the tier that answers, row by row; -1 where there is no answer.

        Each row's decision depends on that row alone, not on its batch. The last tier
        is not asked where nothing abstains and `on_unavailable` is "raise".

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        X = self._sliceable(X)
        if self.rule_.doubts or self.on_unavailable != RAISE:
            return self._walk(X).tier
        first, *others = self.edges_[:-1]
        tier = (~first.rule.decide(first.evidence(X))).astype(int)
        for number, edge in enumerate(others, start=1):
            rows = np.flatnonzero(tier == number)
            if len(rows):
                batch = _safe_indexing(X, rows)
                tier[rows] += ~edge.rule.decide(edge.evidence(batch))
        return tier

    def _outcomes(self, X, y, weight):
        tiers = [
            to_outcomes(answers, None, X, y, self.classes_, weight)
            for answers in self._said(X, self._ask)
        ]
        return ChainOutcomes(tiers, self.costs, [name for name, _ in self.estimators])

    def report(self, X, y, *, sample_weight=None):
        """How the chain does on labelled rows that are new to it.

        Each tier is asked about the rows that reach it only, and must answer.

        Parameters
        ----------
        X, y : array-like
            All tiers are wrong about a label that was not there in ``fit``.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ChainReport
            A mapping of figures that prints itself: ``accuracy`` on what is answered,
            ``n``, ``abstained`` (share of all inputs), ``cost`` (mean of an input; nan
            without ``costs``), and for each tier in a tuple ``n_asked``,
            ``n_answered``, ``shares`` (of the weight of all inputs) and ``accuracies``
            on what it answers; nan where that is nothing.

        Raises
        ------
        ValueError
            As in ``outcomes``.
        """
        figures = self._tally(X, y, sample_weight).report(self.costs)
        return ChainReport([name for name, _ in self.estimators], **figures)

    def _tally(self, X, y, sample_weight=None, *, may_vanish=False):
        """Sums over labelled rows, from which ``report`` follows."""
        X, y, weight = self._labelled(X, y, sample_weight, may_vanish=may_vanish)
        walk = self._walk(X, RAISE)
        right = self.classes_[walk.label] == y
        return ChainTally.of(len(self.estimators_), walk.last, walk.tier, right, weight)

    def at(self, coverage, *, abstain=UNCHANGED, confidence=UNCHANGED):
        """A copy of the fitted classifier at another operating point.

        Nothing is refitted: the copy shares models and routers, and only thresholds
        move.

        Parameters
        ----------
        coverage : float, Budget, None or sequence of such
            As in the constructor.
        abstain : float or None
            Share of all inputs, at most, that get no answer; left as it is by default.
        confidence : float or None
            Probability with which new data keep to the budgets; left as it is by
            default.

        Returns
        -------
        CascadeClassifier
            A shallow copy; this object is left as it is.
        """
        check_is_fitted(self, "policy_")
        moved = copy.copy(self)
        moved.policy_ = self.policy_.at(
            coverage, abstain=abstain, confidence=confidence
        )
        moved.operating_point_ = moved.policy_.operating_point_
        moved.coverage = moved.policy_.coverage
        moved.abstain = moved.policy_.abstain
        moved.confidence = moved.policy_.confidence
        return moved

    def with_base(self, base_estimator, X, y, *, sample_weight=None):
        """A copy with another first tier and newly learned thresholds.

        For a model that was quantised, pruned or updated, as in
        :meth:`HybridClassifier.with_base`. Every tier is asked about every row.
        Routers, and shares that one budget was shared out into, stay those of ``fit``.

        Parameters
        ----------
        base_estimator : classifier with predict_proba
            Fitted.
        X, y : array-like
            Rows that are new to all models and routers.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        CascadeClassifier
            A shallow copy. Only what was fitted is replaced: its parameters, from which
            another ``fit`` would start, still hold the old model.

        Raises
        ------
        ValueError
            When the new model has no predict_proba, or knows other labels than the
            classifier, or none of those in y.
        BudgetInfeasibleError
            When no operating point keeps to the budget, or is shown to.
        DeviceLimitError
            When it does not fit `device`.
        """
        check_is_fitted(self, "policy_")
        check_base(base_estimator)
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        refuse_other_labels(self.classes_, np.unique(y), "base_estimator")
        moved = copy.copy(self)
        moved._use([base_estimator, *self.estimators_[1:]])
        X = moved._sliceable(X)
        moved.policy_ = self.policy_.recalibrated(moved._outcomes(X, y, sample_weight))
        moved.operating_point_ = moved.policy_.operating_point_
        moved.footprint_ = footprint_of(moved.edge_, moved.device, X)
        return moved

    def _use(self, models):
        names = [name for name, _ in self.estimators]
        self.estimators_ = list(models)
        named = zip(names, self.estimators_, strict=True)
        self.named_estimators_ = Bunch(**dict(named))
