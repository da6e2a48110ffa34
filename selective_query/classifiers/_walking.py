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
    tier, label : ndarray of shape (n_samples,), int
        The label as a position in the classes.
    proba : ndarray of shape (n_samples, n_classes), or None
        None where an answer came without.
    """

    tier: np.ndarray
    label: np.ndarray
    proba: np.ndarray | None


class WalkingMixin:
    """Needs ``estimators_``, ``base_features``, ``policy_`` and ``classes_``."""

    @property
    def edges_(self):
        """Of each tier but the last: model, features, rule and classes."""
        return tuple(
            Edge(model, self.base_features, rule, self.classes_)
            for model, rule in zip(self.estimators_, self.policy_.rules_, strict=False)
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
            answers, kept = edge.route_sparing_base(batch)
            rows = np.arange(len(kept)) if rows is None else rows
            parts.append((tier, rows[kept], answers.label[kept], answers.proba[kept]))
            rows = rows[~kept]
            if not len(rows):
                break
        else:
            batch = _safe_indexing(X, rows)
            answers = self._ask(len(parts), batch)
            parts.append((len(parts), rows, answers.label, answers.proba))
        return self._joined(parts)

    def _joined(self, parts):
        n = sum(len(rows) for _, rows, _, _ in parts)
        tier, label = np.empty(n, dtype=int), np.empty(n, dtype=int)
        proba = None
        if all(part[3] is not None for part in parts):
            dtype = np.result_type(*(part[3] for part in parts))
            proba = np.empty((n, len(self.classes_)), dtype=dtype)
        for number, rows, labels, probabilities in parts:
            tier[rows], label[rows] = number, labels
            if proba is not None:
                proba[rows] = probabilities
        return Walk(tier, label, proba)

    def _ask(self, tier, X):
        """What one tier says of rows, whoever answers them."""
        deciding = tier < len(self.estimators_) - 1
        return ask(
            self.estimators_[tier],
            X,
            self.classes_,
            self.base_features if deciding else None,
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
        """Number of the tier that answers, row by row.

        Each row's decision depends on that row alone, not on its batch. The last tier
        is not asked.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        X = self._sliceable(X)
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
            ``accuracy``, ``n``, ``cost`` (mean of an input; nan without ``costs``), and
            for each tier in a tuple ``n_asked``, ``n_answered``, ``shares`` (of the
            weight of all inputs) and ``accuracies`` on what it answers, nan where that
            is nothing.

        Raises
        ------
        ValueError
            As of ``outcomes``.
        """
        X, y, weight = self._labelled(X, y, sample_weight)
        walk = self._walk(X)
        weight = np.ones(len(y)) if weight is None else weight
        right = self.classes_[walk.label] == y
        numbers = np.arange(len(self.estimators_))
        answered = walk.tier == numbers[:, None]
        mass = answered @ weight
        with np.errstate(invalid="ignore"):
            accuracies = answered @ (weight * right) / mass
        cost = np.nan
        if self.costs is not None:
            cost = float(np.cumsum(self.costs) @ mass / weight.sum())
        return Bunch(
            accuracy=float(np.average(right, weights=weight)),
            n=len(y),
            cost=cost,
            n_asked=tuple(int((walk.tier >= j).sum()) for j in numbers),
            n_answered=tuple(answered.sum(axis=1).tolist()),
            shares=tuple((mass / weight.sum()).tolist()),
            accuracies=tuple(accuracies.tolist()),
        )

    def at(self, coverage, *, confidence=UNCHANGED):
        """The same fitted classifier at another operating point.

        Nothing is refitted: the copy shares models and routers, and only thresholds
        move.

        Parameters
        ----------
        coverage, confidence
            As in the constructor; the confidence is left as it is by default.

        Returns
        -------
        CascadeClassifier
            A shallow copy; this object is left as it is.
        """
        check_is_fitted(self, "policy_")
        moved = copy.copy(self)
        moved.policy_ = self.policy_.at(coverage, confidence=confidence)
        moved.operating_point_ = moved.policy_.operating_point_
        moved.coverage = moved.policy_.coverage
        moved.confidence = moved.policy_.confidence
        return moved
