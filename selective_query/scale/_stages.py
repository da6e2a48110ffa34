"""A fitted hybrid in two stages that can live apart: base with router, and global."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from selective_query._models.replies import REASON, reasons
from selective_query._utils.fitting import REMEMBERED, sliceable
from selective_query._utils.validation import num_samples
from selective_query.classifiers._abstain_label import abstaining
from selective_query.classifiers._answering import ABSTAIN, BASE, stand_in_of


@dataclass(frozen=True, eq=False)
class Routed:
    """What the first stage says about a batch.

    Attributes
    ----------
    label : ndarray of shape (n_samples,)
        What stands where no answer of the global comes: labels of the base, or, of
        queried rows, the label of abstention. Of no meaning there if it then raises.
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

    def joined(self, answers, failure):
        """Labels of the hybrid, and why the global gave none.

        Parameters
        ----------
        answers : ndarray of shape (n_queried,)
            Labels of the global for the rows in `asked`.
        failure : ndarray of shape (n_queried,) of str
            "" where they came.

        Returns
        -------
        label : ndarray of shape (n_samples,)
        failure : ndarray of shape (n_samples,) of str
            As of ``predict_detailed``.
        """
        label, came = self.label.copy(), failure == ""
        label[np.flatnonzero(~self.kept)[came]] = answers[came]
        whole = np.full(len(label), "", dtype=REASON)
        whole[~self.kept] = failure
        return label, whole


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
        self._edge, self._stand_in = hybrid.edge_, stand_in_of(hybrid)
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
        edge, score, kind = self._edge, None, self._stand_in.kind
        route = edge.route if kind == BASE else edge.route_sparing_base
        answers, kept = route(X)
        label = edge.classes[answers.label]
        if kind == ABSTAIN:
            label = abstaining(label, ~kept, self._stand_in.abstain_label)
        if with_score:
            score = edge.rule.score(edge.evidence(X, answers))
        asked = _safe_indexing(X, np.flatnonzero(~kept))
        return Routed(label, kept, asked, score)


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
        self.classes_, self._stand_in = hybrid.classes_, stand_in_of(hybrid)

    def answer(self, X):
        """Labels of the global, and why none came, also for no rows at all.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        label : ndarray of shape (n_samples,)
            Of no meaning where none came.
        failure : ndarray of shape (n_samples,) of str
            "" where one came.

        Raises
        ------
        GlobalUnavailableError
            When none came, and `on_unavailable` of the hybrid is "raise".
        """
        if not num_samples(X):
            return self.classes_[:0], np.empty(0, dtype=REASON)
        answers, replies = self._stand_in.ask(self.global_estimator_, X, self.classes_)
        return self.classes_[answers.label], reasons(replies.failure)


def _check_hybrid(hybrid):
    check_is_fitted(hybrid, "policy_")
    if not hasattr(hybrid, "global_estimator_"):
        raise TypeError(
            "Two stages need a fitted HybridClassifier, base and global. Got "
            f"{type(hybrid).__name__}, which has no global; use it as it is. Of a "
            "CascadeClassifier, dataset.map_batches(cascade.predict) runs all tiers in "
            "each worker."
        )
