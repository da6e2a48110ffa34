"""Routers by the nearest training rows: their distance, or the benefit of a query."""

import numpy as np

from selective_query._utils.numbers import check_whole
from selective_query.routers._table import (
    centre_and_scale,
    check_space,
    check_width,
    chunks_of,
    numeric_inputs,
    numeric_table,
)
from selective_query.routers.base import BaseRouter
from selective_query.routers.decision_cost import cost_of

# Distances that differ by less, in standard deviations, are equal up to rounding.
ROUNDING = 1e-6


class _NeighbourRouter(BaseRouter):
    learns = True
    _why_no_program = "it searches all training rows"

    def __init__(self, n_neighbors=50, space="base_features"):
        self.n_neighbors = n_neighbors
        self.space = space

    @property
    def required_evidence(self):
        return (self.space,)

    @property
    def needs_base(self):
        return self.space != "X"

    def check_before_fit(self, X):
        check_whole(self.n_neighbors, "n_neighbors", 1)
        check_space(self.space)
        if self.space == "X":
            numeric_inputs(X, f"{type(self).__name__} needs")

    def fit(self, outcomes):
        k = self.n_neighbors
        check_whole(k, "n_neighbors", 1)
        who = type(self).__name__
        used = outcomes.weight > 0
        table = numeric_table(outcomes, self.space, who)[used]
        weight = outcomes.weight[used]
        self.centre_, self.scale_ = centre_and_scale(table, weight)
        from sklearn.neighbors import NearestNeighbors  # slow to import

        self.neighbors_ = NearestNeighbors(n_neighbors=min(k, len(table)))
        self.neighbors_.fit((table - self.centre_) / self.scale_)
        self.row_weight_ = weight
        return self

    def query_score(self, evidence):
        self._check_fitted()
        who = type(self).__name__
        table = numeric_table(evidence, self.space, who)
        check_width(table, len(self.centre_), who)
        table = (table - self.centre_) / self.scale_
        score = np.empty(len(table))
        for rows in chunks_of(len(table)):
            score[rows] = self._scored(table[rows])
        return score

    def _reach(self, distance, nearest):
        """Distance of the neighbour at which `n_neighbors` rows are reached."""
        k = self.neighbors_.n_neighbors
        counted = self.row_weight_[nearest[:, :k]].cumsum(axis=1)
        last = np.minimum((counted < self.n_neighbors).sum(axis=1), k - 1)
        return np.take_along_axis(distance, last[:, None], axis=1)

    def decision_cost(self, evidence):
        """Cost of a brute-force search; a tree would be faster for few columns.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        DecisionCost
        """
        self._check_fitted()
        n_rows, width = self.neighbors_.n_samples_fit_, len(self.centre_)
        k = self.neighbors_.n_neighbors
        # A distance to each row, an update of a heap of size k, and use of the k
        # results.
        macs = 2 * width + n_rows * (width + 1) + 2 * k
        stored = n_rows * (width + self._numbers_per_row) + 2 * width
        return cost_of(macs, stored=stored, scratch=width + 2 * k)


class KNNDistanceRouter(_NeighbourRouter):
    r"""Query inputs that are far from the training rows.

    .. math:: s(x) = \lVert \phi(x) - \phi(x_{(k)}) \rVert_2

    with the k-th nearest row :math:`x_{(k)}` and the base's features :math:`\phi`, each
    column scaled to mean 0 and variance 1. It uses no outcomes. Scores of training rows
    would be too low, because each row is its own neighbour, so they are computed out of
    fold.

    Parameters
    ----------
    n_neighbors : int, default=50
        The k; all rows if there are fewer. A row of weight w counts as w rows; at most
        k rows are searched, even if weights are below 1.
    space : {"base_features", "X"}, default="base_features"
        Where distances are measured. A numeric ``"X"`` does not need the base.

    Attributes
    ----------
    neighbors_ : NearestNeighbors
    centre_, scale_ : ndarray of shape (n_columns,)
    row_weight_ : ndarray of shape (n_fitted_rows,)

    References
    ----------
    Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest neighbors",
    ICML 2022. They scale rows to unit length; here columns are scaled.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import Evidence, Outcomes
    >>> from selective_query.routers import KNNDistanceRouter
    >>> known = Outcomes(base_features=[[-1.0], [1.0]], base_utility=[1, 1])
    >>> router = KNNDistanceRouter(n_neighbors=1).fit(known)
    >>> router.query_score(Evidence(base_features=[[1.0], [3.0]]))
    array([0., 2.])
    """

    _numbers_per_row = 0

    def _scored(self, table):
        return self._reach(*self.neighbors_.kneighbors(table))[:, 0]


class KNNBenefitRouter(_NeighbourRouter):
    r"""Query where queries gained most among the nearest training rows.

    .. math:: s(x) = \frac1k \sum_{j=1}^{k} \text{benefit}_{(j)}

    over the k rows nearest to x in the base's features, each column scaled to mean 0
    and variance 1; rows at equal distance share the last places. The score is in units
    of benefit, without assumptions on its shape; learning is slow if many columns are
    uninformative.

    Parameters
    ----------
    n_neighbors : int, default=50
        The k; all rows if there are fewer. A row of weight w counts as w rows; at most
        k rows are searched, even if weights are below 1.
    space : {"base_features", "X"}, default="base_features"
        Where distances are measured. A numeric ``"X"`` does not need the base.

    Attributes
    ----------
    neighbors_ : NearestNeighbors
    centre_, scale_ : ndarray of shape (n_columns,)
    row_weight_, row_benefit_ : ndarray of shape (n_fitted_rows,)

    References
    ----------
    The plug-in form of the optimal rule in Jitkrittum et al., "When does
    confidence-based cascade deferral suffice?", NeurIPS 2023.

    Examples
    --------
    >>> from selective_query import Evidence, Outcomes
    >>> from selective_query.routers import KNNBenefitRouter
    >>> known = Outcomes(base_features=[[0.0], [1.0], [9.0]], base_utility=[1, 0, 0])
    >>> router = KNNBenefitRouter(n_neighbors=2).fit(known)
    >>> router.query_score(Evidence(base_features=[[0.4], [8.0]]))
    array([0.5, 1. ])
    """

    in_benefit_units = True
    _numbers_per_row = 1

    def fit(self, outcomes):
        self.row_benefit_ = outcomes.benefit[outcomes.weight > 0]
        return super().fit(outcomes)

    def _scored(self, table, n_asked=None):
        n_known = self.neighbors_.n_samples_fit_
        n_asked = min(n_asked or self.neighbors_.n_neighbors + 1, n_known)
        distance, nearest = self.neighbors_.kneighbors(table, n_asked)
        reach = self._reach(distance, nearest)
        share = self._shares(distance, nearest, reach)
        score = (share * self.row_benefit_[nearest]).sum(axis=1) / share.sum(axis=1)
        more = distance[:, -1] <= reach[:, 0] + ROUNDING
        if n_asked < n_known and more.any():
            score[more] = self._scored(table[more], 2 * n_asked)
        return score

    def _shares(self, distance, nearest, reach):
        """How much each row counts; equally distant rows share the remainder."""
        weight = self.row_weight_[nearest]
        inner = np.where(distance < reach - ROUNDING, weight, 0)
        tied = np.where(np.abs(distance - reach) <= ROUNDING, weight, 0)
        left = self.n_neighbors - inner.sum(axis=1, keepdims=True)
        return inner + tied * np.minimum(left / tied.sum(axis=1, keepdims=True), 1)
