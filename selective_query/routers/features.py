"""A router that combines features of the input with the base's outputs."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone

from selective_query.routers._scores import scores_of
from selective_query.routers._table import check_transformer, numeric_inputs
from selective_query.routers.base import BaseRouter
from selective_query.routers.benefit import BenefitRouter


class FeatureRouter(BaseRouter):
    r"""Decide on features of the input together with the base's outputs.

    .. math:: s(x) = \text{router}(p(x), \varphi(x))

    Texts, categories or sparse rows may contain more information than the base's
    probabilities. A transformer :math:`\varphi` converts them to numeric columns, which
    are appended to the evidence's `base_features`. :class:`PreRouter` instead reads the
    input alone and decides before the base has run.

    Parameters
    ----------
    features : transformer
        Converts X to numeric columns; it is cloned, and fitted without labels on the
        rows that the router learns from. Sparse columns are made dense, so reduce those
        of texts: ``make_pipeline(TfidfVectorizer(), TruncatedSVD(50))``.
    router : BaseRouter or None, default=None
        Learns from all evidence; it is cloned. None means a :class:`BenefitRouter`.

    Attributes
    ----------
    router_ : BaseRouter
    features_ : transformer

    Raises
    ------
    TypeError
        In `fit`, if `router` is not a router or `features` not a transformer.
    MissingEvidenceError
        In `fit`, if the outcomes have no X, or lack what the router needs.
    ValueError
        In `fit`, if the columns hold NaN, or would take more than a gigabyte when
        dense.

    Examples
    --------
    In this example, the base fails whenever the text asks for a sum, but stays
    confident.

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from selective_query import Outcomes, RoutingPolicy
    >>> from selective_query.routers import FeatureRouter
    >>> texts = ["sum of 3 and 4", "name a river", "sum of 5 and 9", "name a tree"]
    >>> outcomes = Outcomes(
    ...     X=texts * 50, base_utility=[0, 1] * 100, global_utility=[0.8] * 200
    ... )
    >>> router = FeatureRouter(CountVectorizer())
    >>> policy = RoutingPolicy(router, coverage=None).fit(outcomes)
    >>> [bool(kept) for kept in policy.decide(outcomes.evidence)[:4]]
    [False, True, False, True]
    """

    learns = True
    required_evidence = ("X",)
    _why_no_program = "a transformer converts X to columns"

    def __init__(self, features, router=None):
        self.features = features
        self.router = router

    @property
    def in_benefit_units(self):
        self._check_params()
        return self._inner().in_benefit_units

    def check_before_fit(self, X):
        self._check_params()

    def fit(self, outcomes):
        self._fit_features(outcomes)
        self.router_ = clone(self._inner()).fit(self._seen(outcomes))
        return self

    def fit_score(self, outcomes):
        self._fit_features(outcomes)
        self.router_ = clone(self._inner())
        return self.router_.fit_score(self._seen(outcomes))

    def query_score(self, evidence):
        self._check_fitted()
        if not evidence.n_rows:
            return np.zeros(0)
        return scores_of(self.router_, self._seen(evidence))

    def decision_cost(self, evidence):
        """Cost of the inner router; the conversion of X to columns is not included.

        Parameters
        ----------
        evidence : Evidence
            With the kinds and widths of a decision; one row is enough.

        Returns
        -------
        DecisionCost
        """
        self._check_fitted()
        return self.router_.decision_cost(self._seen(evidence))

    def _inner(self):
        return BenefitRouter() if self.router is None else self.router

    def _check_params(self):
        check_transformer(self.features, "FeatureRouter")
        if not isinstance(self._inner(), BaseRouter):
            raise TypeError(
                "FeatureRouter takes as router an instance of a BaseRouter subclass, "
                f"such as BenefitRouter(), or None. Got {self.router!r}."
            )

    def _fit_features(self, outcomes):
        self._check_params()
        X = outcomes.require("X", "FeatureRouter")
        self.features_ = clone(self.features).fit(X)

    def _seen(self, known):
        """The evidence for the inner router, with the new columns as features."""
        X = known.require("X", "FeatureRouter")
        columns = numeric_inputs(self.features_.transform(X), "FeatureRouter needs")
        if known.base_features is not None:
            columns = np.column_stack([known.base_features, columns])
        return replace(known, base_features=columns)


__all__ = ["FeatureRouter"]
