"""Scorers for searches and cross-validation of selective classifiers.

Plain accuracy always prefers the lowest coverage, because a query seldom hurts. These
scorers compare candidates at equal coverage, over all coverages, or at a price. All
accept ``sample_weight``.
"""

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from selective_query._utils.numbers import is_number
from selective_query.budgets._solving.reach import Reach
from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.budgets.base import least_coverage
from selective_query.budgets.combined import as_budget
from selective_query.metrics.areas import deferral_area as area_of_scores
from selective_query.metrics.at_coverage import accuracy_at_coverage


class _WeightedScorer:
    """A scorer that accepts weights and supports metadata routing."""

    _requests_weights = None

    def set_score_request(self, *, sample_weight):
        """Request weights for the scorer under metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None
            As for scikit-learn's scorers: True requests ``sample_weight``, a string
            requests metadata of that name, False ignores weights, and None raises if
            any are given.

        Returns
        -------
        self
        """
        self._requests_weights = sample_weight
        return self

    def get_metadata_routing(self):
        """The scorer's metadata request, as read by scikit-learn.

        Returns
        -------
        MetadataRequest
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self._requests_weights)
        return request

    def _accept_sample_weight(self):
        return True  # scikit-learn calls this if several scorers share a search


def _judged(estimator, X, y, sample_weight):
    """Query scores, utilities of both sides, and weights of the rows."""
    if not hasattr(estimator, "outcomes"):
        raise TypeError(
            "This scorer judges a HybridClassifier or AbstainingClassifier. Got "
            f"{type(estimator).__name__}. Put the selective classifier outermost, and "
            "pipelines inside it."
        )
    outcomes = estimator.outcomes(X, y, sample_weight=sample_weight)
    score = estimator.rule_.score(outcomes.evidence)
    utilities = outcomes.base_utility, outcomes.query_utility
    return score, *utilities, outcomes.sample_weight


class accuracy_at(_WeightedScorer):
    """Scorer: accuracy when the base answers exactly this share of the test rows.

    Parameters
    ----------
    coverage : float
        In [0, 1].

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AbstainingClassifier
    >>> from selective_query.evaluation.scorers import accuracy_at
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AbstainingClassifier(GaussianNB(), router="entropy")
    >>> cross_val_score(model, X, y, scoring=accuracy_at(0.8), cv=3).shape
    (3,)
    """

    def __init__(self, coverage):
        if not is_number(coverage) or not 0 <= coverage <= 1:
            raise ValueError(
                "accuracy_at needs a coverage, a number in [0, 1]. Got "
                f"{coverage!r}. For a budget use at_budget."
            )
        self.coverage = coverage

    def __call__(self, estimator, X, y, sample_weight=None):
        """Accuracy of a fitted estimator on these rows."""
        score, *utilities, weight = _judged(estimator, X, y, sample_weight)
        return float(
            accuracy_at_coverage(
                score, *utilities, coverage=self.coverage, sample_weight=weight
            )
        )

    def __repr__(self):
        return f"accuracy_at({self.coverage})"


class at_budget(_WeightedScorer):
    """Scorer: how well the test rows, ranked by the router, meet a budget.

    For a limit on queries, the accuracy at the implied coverage. For a floor on
    quality, the largest coverage that reaches it within the limits, that is, with the
    fewest queries. If no coverage reaches it, minus the smallest shortfall, so that a
    search still prefers the closest candidate.

    Parameters
    ----------
    budget : Budget or float

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AbstainingClassifier
    >>> from selective_query.budgets import MinSelectiveAccuracy
    >>> from selective_query.evaluation.scorers import at_budget
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AbstainingClassifier(GaussianNB(), router="entropy")
    >>> scorer = at_budget(MinSelectiveAccuracy(0.98))
    >>> cross_val_score(model, X, y, scoring=scorer, cv=3).shape
    (3,)
    """

    def __init__(self, budget):
        self.budget = as_budget(budget)
        if self.budget.reads_rows:
            raise ValueError(
                "at_budget scores limits and floors, not budgets that read rows. "
                f"Got {budget!r}. Use priced_accuracy for those."
            )

    def __call__(self, estimator, X, y, sample_weight=None):
        """Accuracy or coverage of a fitted estimator on these rows."""
        score, base, query, weight = _judged(estimator, X, y, sample_weight)
        if not self.budget.measures_quality:
            least = least_coverage(self.budget)
            return float(
                accuracy_at_coverage(
                    score, base, query, coverage=least, sample_weight=weight
                )
            )
        weight = np.ones(len(score)) if weight is None else weight
        reach = Reach.of(self.budget, JudgedRows(score, base, query, weight).sweep())
        if reach.met.any():
            return float(reach.coverage[reach.furthest()])
        return -float(np.nanmin(reach.short[reach.allowed]))

    def __repr__(self):
        return f"at_budget({self.budget})"


class priced_accuracy(_WeightedScorer):
    """Scorer: accuracy minus a price for each query, at the estimator's own threshold.

    Use it for a search over ``coverage``. An abstention counts as right, and costs the
    price of a query (Chow, 1970).

    Parameters
    ----------
    price : float
        Cost of one query, in units of right answers.
    """

    def __init__(self, price):
        if not is_number(price) or not price >= 0:
            raise ValueError(f"price must be a number >= 0. Got {price!r}.")
        self.price = price

    def __call__(self, estimator, X, y, sample_weight=None):
        """Accuracy of a fitted estimator on these rows, minus the price of queries."""
        report = estimator.report(X, y, sample_weight=sample_weight)
        queried = 1 - report.coverage
        accuracy = report.accuracy
        if not hasattr(estimator, "global_estimator"):
            kept_right = report.coverage and report.coverage * report.accuracy
            accuracy = kept_right + queried
        return accuracy - self.price * queried

    def __repr__(self):
        return f"priced_accuracy({self.price})"


def deferral_area(estimator, X, y, *, sample_weight=None):
    """Scorer: mean accuracy over all coverages.

    For a search or cross-validation over estimators. From arrays of scores and
    utilities, :func:`selective_query.metrics.deferral_area` computes the same number.

    Parameters
    ----------
    estimator : HybridClassifier or AbstainingClassifier
    X, y : array-like
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
    """
    *rows, weight = _judged(estimator, X, y, sample_weight)
    return area_of_scores(*rows, sample_weight=weight)
