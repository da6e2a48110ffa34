"""A fitted hybrid as two separate stages: base with router, and global."""

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
    """Results of the first stage for a batch.

    Attributes
    ----------
    label : ndarray of shape (n_samples,)
        Labels to use without an answer of the global: labels of the base or, for
        queried rows, the abstention label. Meaningless for queried rows if the hybrid
        raises instead.
    kept : ndarray of shape (n_samples,), bool
        True where the base answers.
    asked : array-like, sparse matrix, DataFrame or list of length n_queried
        The rows to query the global about, in order.
    score : ndarray of shape (n_samples,) or None
        Query scores, if requested.
    """

    label: np.ndarray
    kept: np.ndarray
    asked: object
    score: np.ndarray | None = None

    def joined(self, answers, failure):
        """Labels of the hybrid, and the reasons for missing answers of the global.

        Parameters
        ----------
        answers : ndarray of shape (n_queried,)
            Labels of the global for the rows in `asked`.
        failure : ndarray of shape (n_queried,) of str
            "" where an answer came.

        Returns
        -------
        label : ndarray of shape (n_samples,)
        failure : ndarray of shape (n_samples,) of str
            As in ``predict_detailed``.
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
        If there is no global, and so no second stage.
    """

    def __init__(self, hybrid):
        _check_hybrid(hybrid)
        self._edge, self._stand_in = hybrid.edge_, stand_in_of(hybrid)
        seen = vars(hybrid)
        vars(self).update({name: seen[name] for name in REMEMBERED if name in seen})

    def route(self, X, *, with_score=False):
        """Run the base, and decide for which rows that is enough.

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
    """The global of a fitted hybrid, on its own.

    Parameters
    ----------
    hybrid : HybridClassifier
        Fitted.

    Raises
    ------
    TypeError
        If there is no global.
    """

    def __init__(self, hybrid):
        _check_hybrid(hybrid)
        self.global_estimator_ = hybrid.global_estimator_
        self.classes_, self._stand_in = hybrid.classes_, stand_in_of(hybrid)

    def answer(self, X):
        """Labels of the global, and reasons for missing ones; accepts zero rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        label : ndarray of shape (n_samples,)
            Meaningless where no answer came.
        failure : ndarray of shape (n_samples,) of str
            "" where an answer came.

        Raises
        ------
        GlobalUnavailableError
            If an answer is missing, and `on_unavailable` of the hybrid is "raise".
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
