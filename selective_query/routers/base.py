"""The interface of a router, and its scores on rows it did not learn from."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold
from sklearn.utils.metadata_routing import UNUSED

from selective_query.routers._evidence_columns import (
    check_layout,
    columns_cost,
    layout_of,
)
from selective_query.routers._held_out import held_out_scores
from selective_query.routers._scores import scores_of
from selective_query.routers.decision_cost import reading_cost, stored_cost

N_FOLDS = 5


class BaseRouter(BaseEstimator):
    """Ranks inputs by how much a query to the global would gain.

    A router owns no threshold. Subclasses write ``program``, or ``query_score`` where
    the score is no program, and ``fit`` if they have anything to learn.

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

    def decision_cost(self, evidence):
        """What one decision costs the device, once the base has run.

        That of the program. Where there is none, each number that ``fit`` stored, and
        each that the base put out, is counted as used once: an upper bound for trees.

        Parameters
        ----------
        evidence : Evidence
            Of the kinds and widths that it decides on; one row will do.

        Returns
        -------
        DecisionCost
        """
        self._check_fitted()
        if self.has_program():
            return self.program().cost(evidence)
        columns = columns_cost if hasattr(self, "layout_") else reading_cost
        return stored_cost(self) + columns(evidence)

    def program(self):
        """The score as a small program over evidence: plain numbers, no code.

        Returns
        -------
        Program

        Raises
        ------
        TypeError
            When there is none, as of a router around any estimator.
        """
        raise TypeError(
            f"{type(self).__name__} has no program: {self._why_no_program}. Choose "
            "one whose score is made of stored numbers, such as max_probability, "
            "margin or benefit; list_routers(without_program=False) names them."
        )

    # The layout of evidence, to be compared with that of fit.
    _layout_of = staticmethod(layout_of)
    _why_no_program = "it writes query_score alone"

    @classmethod
    def has_program(cls):
        """Whether its score can be handed over as a program.

        Returns
        -------
        bool
        """
        return cls.program is not BaseRouter.program

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
        """Return how much a query would gain; by default, what the program says.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first. Minus infinity: never query. Plus infinity:
            always query.
        """
        if not self.has_program():
            raise NotImplementedError(
                f"{type(self).__name__} must define query_score or program."
            )
        layout = getattr(self, "layout_", None)
        if layout is not None:
            check_layout(self._layout_of(evidence), layout, type(self).__name__)
        return self.program().run(evidence)

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
            name[-1] == "_" and name[0] != "_" for name in vars(self)
        )


class SelfScoringRouter(BaseRouter):
    """A learned router whose fit has scored each row by fits without it anyway.

    Subclasses write ``_fit(outcomes)``, which returns what ``fit_score`` does, and
    ``program`` or ``query_score``.
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
