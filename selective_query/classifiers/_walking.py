"""Methods of a fitted chain: query tier by tier, report, move the thresholds."""

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
from selective_query.reports._spending import spending_of_chain
from selective_query.tiers._goals import own_shares


class WalkingMixin(LabelledRowsMixin):
    """Requires the parameters of CascadeClassifier, ``estimators_`` and ``policy_``."""

    @property
    def rule_(self):
        """The rule of the policy, which makes all decisions."""
        return self.policy_.rule_

    @property
    def edge_(self):
        """The part that runs on the device: the first tier."""
        return self.edges_[0]

    @property
    def edges_(self):
        """For each tier: model, features, rule (None for the last), classes, name."""
        return tuple(
            Edge(model, self._features_of(tier), rule, self.classes_, self._who(tier))
            for tier, (model, rule) in enumerate(
                zip(self.estimators_, (*self.rule_.rules, None), strict=True)
            )
        )

    def _ask(self, tier, X, rows=None):
        """Answers of one tier to X; `rows` is ignored."""
        features = self._features_of(tier)
        return ask(self.estimators_[tier], X, self.classes_, features, self._who(tier))

    def _said(self, X, ask_tier):
        """Answers of each tier; rows that must stay at a tier repeat its answers."""
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
        """Parts of a tier's budget that mark rows which must stay there."""
        if hasattr(self, "policy_"):  # the fitted rules, not the current parameters
            rules = self.rule_.rules
            return rules[tier].local if tier < len(rules) else ()
        shares = own_shares(self.coverage, len(self.estimators) - 1)
        if shares is None or tier == len(shares):
            return ()
        return local_parts(check_coverage(shares[tier]))

    def _who(self, tier):
        return f"estimators[{self.estimators[tier][0]!r}]"

    def _is_read(self, tier):
        """Whether a rule reads a tier's answers; for the last, only to abstain."""
        if tier < len(self.estimators) - 1:
            return True
        if hasattr(self, "policy_"):  # regardless of the current parameters
            return bool(self.rule_.doubts)
        return self.abstain is not None

    def _features_of(self, tier):
        return self.base_features if self._is_read(tier) else None

    def _walk(self, X, kind=None):
        """Query tier by tier, each about the rows that the previous tiers pass on."""
        X = self._sliceable(X)
        if kind is None:
            kind = self.on_unavailable
            check_stand_in(kind, self.abstain_label, self.classes_)
        return Walk(self.edges_, self.rule_.doubts, kind, X)

    def predict(self, X):
        """Labels, each from the tier that answers.

        Every tier gets the rows that reach it in one batch, and is not called if there
        are none.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        GlobalUnavailableError
            If a remote tier after the first fails to answer, and `on_unavailable` is
            "raise".
        ValueError
            If the columns of X differ from those in ``fit``, or a model's answer is not
            a distribution over its classes, or a known label, for each row.
        """
        return self._labels_of(self._walk(X))

    def _labels_of(self, walk):
        labels = self.classes_[walk.label]
        if self.abstain_label is None:
            return labels
        return abstaining(labels, walk.abstained, self.abstain_label)

    def predict_detailed(self, X):
        """Labels as in ``predict``, with the tier, reason and time of each answer.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        Decisions
            ``answered_by`` is the name of a tier, or "nobody" if there is no answer;
            ``queried`` is true if the first tier passed the row on; ``failure`` is why
            the last queried tier gave no answer; ``score`` is the score of the first
            tier.

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
        """Index of the tier that answers, for each row; -1 if there is no answer.

        Each row's decision depends on that row alone, not on its batch. The last tier
        is not queried if nothing abstains and `on_unavailable` is "raise".

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
        """Report how the chain performs on labelled rows that are new to it.

        Each tier is queried only about the rows that reach it, and must answer.

        Parameters
        ----------
        X, y : array-like
            On labels that did not occur in ``fit``, all tiers are wrong.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ChainReport
            A mapping of figures that prints itself: ``accuracy`` on the answered
            inputs, ``n``, ``abstained`` (share of all inputs), ``cost`` (mean per
            input; nan without ``costs``), and, as tuples over the tiers, ``n_asked``,
            ``n_answered``, ``shares`` (of the weight of all inputs) and ``accuracies``
            on the inputs that each tier answers; nan if there are none.

        Raises
        ------
        ValueError
            As in ``outcomes``.
        """
        tally = self._tally(X, y, sample_weight)
        spent = spending_of_chain(tally, self.operating_point_.budget, self.costs)
        names, figures = [n for n, _ in self.estimators], tally.report(self.costs)
        return ChainReport(names, spending=spent, **figures)

    def _tally(self, X, y, sample_weight=None, *, may_vanish=False):
        """Sums over labelled rows, on which ``report`` is based."""
        X, y, weight = self._labelled(X, y, sample_weight, may_vanish=may_vanish)
        walk = self._walk(X, RAISE)
        right = self.classes_[walk.label] == y
        return ChainTally.of(len(self.estimators_), walk.last, walk.tier, right, weight)

    def at(self, coverage, *, abstain=UNCHANGED, confidence=UNCHANGED):
        """A copy of the fitted classifier at another operating point.

        Nothing is refitted: the copy shares models and routers; only thresholds change.

        Parameters
        ----------
        coverage : float, Budget, None or sequence of such
            As in the constructor.
        abstain : float or None
            Maximum share of all inputs that get no answer; unchanged by default.
        confidence : float or None
            Probability with which the budgets hold on new data; unchanged by default.

        Returns
        -------
        CascadeClassifier
            A shallow copy; this object is unchanged.
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
        """A copy with another first tier and new thresholds.

        For a model that was quantised, pruned or updated, as in
        :meth:`HybridClassifier.with_base`. Every tier is queried about every row.
        Routers, and the split of a shared budget, stay as in ``fit``.

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
            A shallow copy. Only fitted attributes are replaced: the parameters, from
            which another ``fit`` would start, still hold the old model.

        Raises
        ------
        ValueError
            If the new model has no predict_proba, knows labels that the classifier does
            not, or shares no label with y.
        BudgetInfeasibleError
            If no operating point meets the budget, or none can be certified to.
        DeviceLimitError
            If the new model does not fit `device`.
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
