"""One of the two models on the rows of a fit: its held-out answers, its final fit."""

from functools import cached_property

from selective_query._validation import is_frozen
from selective_query.answers import ask
from selective_query.crossfit import CrossFit, fit_model, times, to_outcomes


class FitRows:
    """The rows of a fit, and the folds that both sides share.

    Parameters
    ----------
    X, y, weight
        The data; y holds labels, and the weight may be None.
    classes : ndarray of shape (n_classes,)
    cv, n_jobs, verbose
        As of :class:`CrossFit`.
    """

    def __init__(self, X, y, weight, classes, cv, n_jobs, verbose):
        self.X, self.y, self.weight, self.classes = X, y, weight, classes
        self._options = cv, classes, n_jobs, verbose

    @cached_property
    def cross_fit(self):
        """Made when the first model needs it; frozen ones need none."""
        return CrossFit(self.X, self.y, self.weight, *self._options)


class Side:
    """A model and a factor on the weights of its rows.

    Parameters
    ----------
    model : estimator or None
        None for the global of an abstaining classifier.
    rows : FitRows
    who : str
        Its parameter, for messages.
    features : as `base_features`, or None
    factor : ndarray of shape (n_samples,) or None
    """

    def __init__(self, model, rows, who, features=None, factor=None):
        self.model, self.rows, self.who = model, rows, who
        self.features, self.factor = features, factor

    @property
    def stays(self):
        """Whether no fit changes it."""
        return self.model is None or is_frozen(self.model)

    def weighted(self, factor):
        """The same side with another factor."""
        return Side(self.model, self.rows, self.who, self.features, factor)

    @cached_property
    def answers(self):
        """Its answers to each row, by fits that did not see it."""
        if self.model is None:
            return None
        if self.stays:
            rows = self.rows
            return ask(self.model, rows.X, rows.classes, self.features, self.who)
        return self.rows.cross_fit.answers(
            self.model, self.features, self.who, self.factor
        )

    def coarser_answers(self):
        """As of :meth:`CrossFit.coarser_answers`."""
        return self.rows.cross_fit.coarser_answers(
            self.model, self.features, self.factor
        )

    @cached_property
    def fitted(self):
        """The model fitted on all rows, once."""
        weight = times(self.rows.weight, self.factor)
        return fit_model(self.model, self.rows.X, self.rows.y, weight)


class Sides:
    """Base and global on the same rows.

    Parameters
    ----------
    base, global_ : Side
    """

    def __init__(self, base, global_):
        self.base, self.global_ = base, global_

    @cached_property
    def outcomes(self):
        """What both say about each row, by fits that did not see it."""
        rows = self.base.rows
        return to_outcomes(
            self.base.answers,
            self.global_.answers,
            rows.X,
            rows.y,
            rows.classes,
            rows.weight,
            None if self.base.stays else rows.cross_fit.fold,
        )
