"""What a fitted chain of classifiers does: ask tier by tier, report, move its cuts."""

import copy
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import check_is_fitted

from selective_query._models.answers import ask
from selective_query._models.crossfit import to_outcomes
from selective_query._utils.fitting import sliceable
from selective_query._utils.labels import check_truth, labelled_rows
from selective_query.classifiers._deciding import Edge
from selective_query.outcomes import ChainOutcomes
from selective_query.policy import UNCHANGED


class Walk(NamedTuple):
    """Who answered each row, and what.

    Attributes
    ----------
    last : ndarray of shape (n_samples,), int
        The last tier that was asked about the row.
    abstained : ndarray of shape (n_samples,), bool
        Whether its answer is none.
    label : ndarray of shape (n_samples,), int
        As a position in the classes.
    proba : ndarray of shape (n_samples, n_classes), or None
        None where an answer came without.
    """

    last: np.ndarray
    abstained: np.ndarray
    label: np.ndarray
    proba: np.ndarray | None

    @property
    def tier(self):
        """Who answers, -1 where nobody does."""
        return np.where(self.abstained, -1, self.last)


class WalkingMixin:
    """Needs ``estimators_``, ``base_features``, ``policy_`` and ``classes_``."""

    @property
    def edges_(self):
        """Of each tier but the last: model, features, rule and classes."""
        return tuple(
            Edge(model, self.base_features, rule, self.classes_)
            for model, rule in zip(
                self.estimators_, self.policy_.rule_.rules, strict=False
            )
        )

    def _sliceable(self, X):
        check_is_fitted(self, "policy_")
        return sliceable(X, self)

    def _walk(self, X):
        """Ask tier by tier, each about the rows that those before pass on."""
        X = self._sliceable(X)
        rows, parts = None, []
        for tier, edge in enumerate(self.edges_):
            batch = X if rows is None else _safe_indexing(X, rows)
            # A doubt reads all that a tier says.
            route = edge.route_sparing_base if self.abstain is None else edge.route
            answers, kept = route(batch)
            rows = np.arange(len(kept)) if rows is None else rows
            parts.append(self._part(tier, rows, answers, batch, kept))
            rows = rows[~kept]
            if not len(rows):
                break
        else:
            batch = _safe_indexing(X, rows)
            answers = self._ask(len(parts), batch)
            everything = np.ones(len(rows), dtype=bool)
            parts.append(self._part(len(parts), rows, answers, batch, everything))
        return self._joined(parts)

    def _part(self, tier, rows, answers, X, kept):
        """Tier, rows that it keeps, whether it abstains, labels, and probabilities."""
        abstained = np.zeros(len(kept), dtype=bool)
        if self.abstain is not None and kept.any():
            rule = self.policy_.rule_.doubts[tier]
            abstained = ~rule.decide(answers.evidence(X))
        proba = None if answers.proba is None else answers.proba[kept]
        return tier, rows[kept], abstained[kept], answers.label[kept], proba

    def _joined(self, parts):
        n = sum(len(rows) for _, rows, *_ in parts)
        last, label = np.empty(n, dtype=int), np.empty(n, dtype=int)
        abstained, proba = np.zeros(n, dtype=bool), None
        if all(part[-1] is not None for part in parts):
            dtype = np.result_type(*(part[-1] for part in parts))
            proba = np.empty((n, len(self.classes_)), dtype=dtype)
        for tier, rows, without, labels, probabilities in parts:
            last[rows], abstained[rows], label[rows] = tier, without, labels
            if proba is not None:
                proba[rows] = probabilities
        return Walk(last, abstained, label, proba)

    def _is_read(self, tier):
        """Whether a rule reads what a tier says: of the last, only to abstain."""
        return tier < len(self.estimators) - 1 or self.abstain is not None

    def _features_of(self, tier):
        return self.base_features if self._is_read(tier) else None

    def _ask(self, tier, X):
        """What one tier says of rows, whoever answers them."""
        return ask(
            self.estimators_[tier],
            X,
            self.classes_,
            self._features_of(tier),
            f"estimators[{self.estimators[tier][0]!r}]",
        )

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
        ValueError
            When X has other columns than in ``fit``, or a model does not answer with a
            distribution over its classes, or a known label, for each row.
        """
        walk = self._walk(X)  # checks first that this is fitted
        return self.classes_[walk.label]

    def predict_tier(self, X):
        """Number of the tier that answers, row by row; -1 where there is no answer.

        Each row's decision depends on that row alone, not on its batch. The last tier
        is not asked unless it may abstain.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        X = self._sliceable(X)
        if self.abstain is not None:
            return self._walk(X).tier
        first, *others = self.edges_
        tier = (~first.rule.decide(first.evidence(X))).astype(int)
        for number, edge in enumerate(others, start=1):
            rows = np.flatnonzero(tier == number)
            if len(rows):
                batch = _safe_indexing(X, rows)
                tier[rows] += ~edge.rule.decide(edge.evidence(batch))
        return tier

    def outcomes(self, X, y, *, sample_weight=None):
        """What every tier says about labelled rows, for curves and comparisons.

        Asks all tiers about every row.

        Parameters
        ----------
        X, y : array-like
            New to the models.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ChainOutcomes

        Raises
        ------
        ValueError
            When lengths differ, a label is missing or of another kind than the classes,
            or a weight is negative.
        """
        X, y, sample_weight = self._labelled(X, y, sample_weight)
        return self._outcomes(self._sliceable(X), y, sample_weight)

    def _labelled(self, X, y, sample_weight):
        check_is_fitted(self, "policy_")
        X, y, sample_weight = labelled_rows(X, y, sample_weight)
        return X, check_truth(y, self.classes_), sample_weight

    def _outcomes(self, X, y, weight):
        tiers = [
            to_outcomes(self._ask(tier, X), None, X, y, self.classes_, weight)
            for tier in range(len(self.estimators_))
        ]
        return ChainOutcomes(tiers, self.costs, [name for name, _ in self.estimators])

    def report(self, X, y, *, sample_weight=None):
        """How the chain does on labelled rows that are new to it.

        Each tier is asked about the rows that reach it only.

        Parameters
        ----------
        X, y : array-like
            All tiers are wrong about a label that was not there in ``fit``.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        Bunch
            ``accuracy`` on what is answered, ``n``, ``abstained`` (share of all
            inputs), ``cost`` (mean of an input; nan without ``costs``), and for each
            tier in a tuple ``n_asked``, ``n_answered``, ``shares`` (of the weight of
            all inputs) and ``accuracies`` on what it answers; nan where that is
            nothing.

        Raises
        ------
        ValueError
            As of ``outcomes``.
        """
        X, y, weight = self._labelled(X, y, sample_weight)
        walk = self._walk(X)
        weight = np.ones(len(y)) if weight is None else weight
        right = weight * (self.classes_[walk.label] == y)
        numbers = np.arange(len(self.estimators_))
        answered = walk.tier == numbers[:, None]
        mass, total = answered @ weight, weight.sum()
        cost = np.nan
        if self.costs is not None:
            asked_last = (walk.last == numbers[:, None]) @ weight
            cost = float(np.cumsum(self.costs) @ asked_last / total)
        with np.errstate(invalid="ignore"):
            accuracies = answered @ right / mass
            accuracy = float((answered @ right).sum() / mass.sum())
        return Bunch(
            accuracy=accuracy,
            n=len(y),
            abstained=float(1 - mass.sum() / total),
            cost=cost,
            n_asked=tuple(int((walk.last >= j).sum()) for j in numbers),
            n_answered=tuple(answered.sum(axis=1).tolist()),
            shares=tuple((mass / total).tolist()),
            accuracies=tuple(accuracies.tolist()),
        )

    def at(self, coverage, *, abstain=UNCHANGED, confidence=UNCHANGED):
        """The same fitted classifier at another operating point.

        Nothing is refitted: the copy shares models and routers, and only thresholds
        move.

        Parameters
        ----------
        coverage, abstain, confidence
            As in the constructor; the last two are left as they are by default.

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
