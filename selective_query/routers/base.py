"""The interface of a router, and its scores on rows it did not learn from."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold
from sklearn.utils.metadata_routing import UNUSED

from selective_query.routers._held_out import held_out_scores
from selective_query.routers._scores import scores_of
from selective_query.routers.decision_cost import learned_cost

N_FOLDS = 5


class BaseRouter(BaseEstimator):
    """Ranks inputs by how much a query to the global would gain.

    A router owns no threshold. Subclasses write ``query_score``, and ``fit`` if they
    have anything to learn.

    Attributes
    ----------
    learns : bool
        Whether ``fit`` looks at outcomes. Scores of a router that does not learn are
        honest on every row, so its thresholds can be certified on all of them.
    in_benefit_units : bool
        Whether a score is an estimate of the expected benefit, so that zero means
        "a query gains nothing" and ``coverage=None`` makes sense.
    is_bound : bool
        Whether this is a bound to compare with, which cannot route unseen inputs.
    required_evidence : tuple of str
        Kinds of evidence that it cannot do without; empty where it says so nowhere.
    """

    # Metadata routing would otherwise take `outcomes` for something users pass along.
    __metadata_request__fit = {"outcomes": UNUSED}

    learns = False
    in_benefit_units = False
    is_bound = False
    required_evidence = ()
    # Whether it reads a numeric X, by `evidence_columns`, where there is nothing else.
    _reads_columns = False

    @property
    def needs_base(self):
        """Whether the base must have run before this router can score.

        False once it was fitted on inputs alone: it can then send a row away before
        the base has cost anything.
        """
        layout = getattr(self, "layout_", None)
        return layout is None or any(kind != "X" for kind, _ in layout)

    def decision_cost(self, n_classes, n_features=0):
        """What one decision costs the device, once the base has run.

        By default each number that ``fit`` stored is counted as used once, which holds
        for linear models and is an upper bound for trees; of an array whose name begins
        with ``class_`` one entry is read. Making the columns of a learned router from
        the base's outputs counts too, and scratch memory is that of these columns.

        Parameters
        ----------
        n_classes : int
            Columns of ``base_proba``.
        n_features : int, default=0
            Columns of ``base_features``, or of `X` where the router reads it.

        Returns
        -------
        DecisionCost
        """
        self._check_fitted()
        return learned_cost(self, n_classes, n_features)

    def check_before_fit(self, X):
        """Raise where `fit` will fail, as far as `X` and the parameters tell.

        Models may take hours to fit; a classifier asks its router first.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
            The inputs, as they will be in the outcomes.
        """

    def fit(self, outcomes):
        """Learn from outcomes; the default has nothing to learn.

        Parameters
        ----------
        outcomes : Outcomes

        Returns
        -------
        self
        """
        return self

    def query_score(self, evidence):
        """Return how much a query would gain.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first. Minus infinity: never query. Plus infinity:
            always query.
        """
        raise NotImplementedError(f"{type(self).__name__} must define query_score.")

    def fit_score(self, outcomes):
        """Fit on all rows and return scores of each row by routers that did not see it.

        Rows are held out along ``outcomes.fold``, or in five random folds where the
        outcomes have none. The scores of each fold's router are carried, by rank, to
        the scale of the one that was fitted on all rows.

        Parameters
        ----------
        outcomes : Outcomes

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        self.fit(outcomes)
        if not self.learns:
            return scores_of(self, outcomes)
        evidence = outcomes.evidence

        def fits():
            for train, test in iter_folds(outcomes):
                held_out = clone(self)._fit_fold(outcomes.take(train))
                yield train, test, scores_of(held_out, evidence)

        return held_out_scores(fits(), scores_of(self, evidence), outcomes.weight)

    def _fit_fold(self, outcomes):
        """Fit on the rows outside of one fold."""
        return self.fit(outcomes)

    def _check_fitted(self):
        # check_is_fitted costs as much as scoring a row does.
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit(outcomes) "
                "before query_score."
            )

    def __sklearn_is_fitted__(self):
        return not self.learns or any(
            name.endswith("_") and not name.startswith("_") for name in vars(self)
        )


class SelfScoringRouter(BaseRouter):
    """A learned router whose fit has scored each row by fits without it anyway.

    Subclasses write ``_fit(outcomes)``, which returns what ``fit_score`` does, and
    ``query_score``.
    """

    learns = True

    def fit(self, outcomes):
        self._fit(outcomes)
        return self

    def fit_score(self, outcomes):
        return self._fit(outcomes)


def iter_folds(outcomes):
    """Yield (train, test) row numbers along the folds of the outcomes.

    Raises
    ------
    ValueError
        When there are too few rows, only one fold, or no weight outside a fold.
    """
    for train, test in _splits(outcomes):
        if not outcomes.weight[train].any():
            raise ValueError(
                "sample_weight is zero on every row outside one of the folds (its "
                f"first row is {test[0]}), so that nothing is left to learn from "
                "there. Give weight to rows of at least two folds."
            )
        yield train, test


def _splits(outcomes):
    fold = outcomes.fold
    if fold is None:
        if outcomes.n_rows < 2 * N_FOLDS:
            raise ValueError(
                f"A learned router needs at least {2 * N_FOLDS} rows of outcomes. Got "
                f"{outcomes.n_rows}. Use router='max_probability', which learns "
                "nothing, or give more rows."
            )
        splits = KFold(N_FOLDS, shuffle=True, random_state=0)
        yield from splits.split(np.empty(outcomes.n_rows))
        return
    numbers = np.unique(fold)
    if len(numbers) < 2:
        raise ValueError(
            "Outcomes.fold must name at least two folds, so that a router can be "
            f"scored on rows it did not learn from. Got only {numbers.tolist()}."
        )
    for number in numbers:
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
