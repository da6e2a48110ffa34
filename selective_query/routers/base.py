"""The interface of a router, and out-of-fold scores of its training rows."""

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
    """Ranks inputs by the expected gain from a query to the global.

    A router has no threshold. Subclasses implement ``program``, or ``query_score`` if
    the score is not a program, and ``fit`` if they learn.

    Attributes
    ----------
    learns : bool
        Whether ``fit`` uses the outcomes. Scores of a router that does not learn are
        unbiased on every row, so thresholds can be certified on all rows.
    in_benefit_units : bool
        Whether a score estimates the expected benefit, so that zero means "a query
        gains nothing" and ``coverage=None`` can be used.
    is_bound : bool
        Whether this is a bound for comparison, which cannot route new inputs.
    required_evidence : tuple of str
        Kinds of evidence that it requires; empty if it declares none.
    """

    # Otherwise, metadata routing would treat `outcomes` as metadata.
    __metadata_request__fit = {"outcomes": UNUSED}

    learns = False
    in_benefit_units = False
    is_bound = False
    required_evidence = ()
    # Whether it reads a numeric X through `evidence_columns` if there is nothing else.
    _reads_columns = False

    @property
    def needs_base(self):
        """Whether the base must run before this router can score.

        False once fitted on inputs alone: it can then send a row to the global before
        the base has run.
        """
        layout = getattr(self, "layout_", None)
        return layout is None or any(kind != "X" for kind, _ in layout)

    def decision_cost(self, evidence):
        """Cost of one decision on the device, after the base has run.

        This is the cost of the program. If there is none, each number stored by ``fit``
        and each output of the base is counted as used once: an upper bound for trees.

        Parameters
        ----------
        evidence : Evidence
            With the kinds and widths of a decision; one row is enough.

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
        """The score as a small program over evidence: plain numbers without code.

        Returns
        -------
        Program

        Raises
        ------
        TypeError
            If there is none, for example because the router wraps an arbitrary
            estimator.
        """
        raise TypeError(
            f"{type(self).__name__} has no program: {self._why_no_program}. Choose "
            "one whose score is made of stored numbers, such as max_probability, "
            "margin or benefit; list_routers(without_program=False) names them."
        )

    # The layout of evidence, compared with that of fit.
    _layout_of = staticmethod(layout_of)
    _why_no_program = "it defines only query_score"

    @classmethod
    def has_program(cls):
        """Whether its score is available as a program.

        Returns
        -------
        bool
        """
        return cls.program is not BaseRouter.program

    def check_before_fit(self, X):
        """Raise if `fit` is going to fail, as far as `X` and the parameters show.

        Models may take hours to fit, so a classifier checks its router first.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
            The inputs, as in the outcomes later.
        """

    def fit(self, outcomes):
        """Learn from outcomes; by default there is nothing to learn.

        Parameters
        ----------
        outcomes : Outcomes

        Returns
        -------
        self
        """
        return self

    def query_score(self, evidence):
        """Return the expected gain from a query; by default, computed by the program.

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
        """Fit on all rows, and return out-of-fold scores of each row.

        Rows are held out along ``outcomes.fold``, or in five random folds if the
        outcomes have none. The scores of each fold's router are mapped, by rank, to the
        scale of the router fitted on all rows.

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
        """Fit on the rows outside one fold."""
        return self.fit(outcomes)

    def _check_fitted(self):
        # check_is_fitted takes as long as scoring a row.
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
    """A learned router that already computes out-of-fold scores during its fit.

    Subclasses implement ``_fit(outcomes)``, which returns the result of ``fit_score``,
    and ``program`` or ``query_score``.
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
        If there are too few rows, only one fold, or no weight outside a fold.
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
