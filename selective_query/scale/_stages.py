"""A fitted hybrid in two stages that can live apart: base with router, and global."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from selective_query._models.answers import ask
from selective_query._utils.fitting import REMEMBERED, sliceable
from selective_query._utils.validation import num_samples


@dataclass(frozen=True, eq=False)
class Routed:
    """What the first stage says about a batch.

    Attributes
    ----------
    label : ndarray of shape (n_samples,)
        Labels of the base; where the global is to be asked, of no meaning.
    kept : ndarray of shape (n_samples,), bool
        True where the base answers.
    asked : array-like, sparse matrix, DataFrame or list of length n_queried
        The rows that the global is to be asked about, in their order.
    score : ndarray of shape (n_samples,) or None
        Query scores, where they were asked for.
    """

    label: np.ndarray
    kept: np.ndarray
    asked: object
    score: np.ndarray | None = None

    def joined(self, answers):
        """Labels of the hybrid.

        Parameters
        ----------
        answers : ndarray of shape (n_queried,)
            Labels of the global for the rows in `asked`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        label = self.label.copy()
        label[~self.kept] = answers
        return label


class BaseStage:
    """Base and rule of a fitted hybrid, without its global.

    Parameters
    ----------
    hybrid : HybridClassifier
        Fitted.

    Raises
    ------
    TypeError
        When there is no global, so that there is no second stage.
    """

    def __init__(self, hybrid):
        _check_hybrid(hybrid)
        self._edge = hybrid.edge_
        seen = vars(hybrid)
        vars(self).update({name: seen[name] for name in REMEMBERED if name in seen})

    def route(self, X, *, with_score=False):
        """Ask the base, and say where that is enough.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
        with_score : bool, default=False

        Returns
        -------
        Routed
        """
        X = sliceable(X, self)
        edge, score = self._edge, None
        answers, kept = edge.route_sparing_base(X)
        if with_score:
            score = edge.rule.score(edge.evidence(X, answers))
        asked = _safe_indexing(X, np.flatnonzero(~kept))
        return Routed(edge.classes[answers.label], kept, asked, score)


class GlobalStage:
    """The global of a fitted hybrid, alone.

    Parameters
    ----------
    hybrid : HybridClassifier
        Fitted.

    Raises
    ------
    TypeError
        When there is no global.
    """

    def __init__(self, hybrid):
        _check_hybrid(hybrid)
        self.global_estimator_ = hybrid.global_estimator_
        self.classes_ = hybrid.classes_

    def labels(self, X):
        """Labels of the global, also for no rows at all.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if not num_samples(X):
            return self.classes_[:0]
        answers = ask(self.global_estimator_, X, self.classes_, who="global_estimator")
        return self.classes_[answers.label]


def _check_hybrid(hybrid):
    check_is_fitted(hybrid, "policy_")
    if not hasattr(hybrid, "global_estimator_"):
        raise TypeError(
            "Two stages need a fitted HybridClassifier, base and global. Got "
            f"{type(hybrid).__name__}, which has no global; use it as it is. Of a "
            "CascadeClassifier, dataset.map_batches(cascade.predict) runs all tiers in "
            "each worker."
        )
