"""Outcomes: evidence about a batch, with labels and the answers of both sides."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from selective_query._utils.labels import check_labels, kind_of
from selective_query._utils.numbers import as_numbers
from selective_query._utils.validation import check_weights, warn_user
from selective_query.exceptions import ModelWarning
from selective_query.outcomes._alignment import aligned
from selective_query.outcomes._parts import described
from selective_query.outcomes.evidence import Evidence, field_names
from selective_query.outcomes.probabilities import top_class

# Chance cannot explain an accuracy this far below that of random answers.
N_STANDARD_ERRORS = 3


def _check_unit_interval(values, name):
    values = as_numbers(values, name).astype(float, copy=False)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"{name} must be one number in [0, 1] for each row (1 = a fully right "
            f"answer), without NaN. Got shape {values.shape}"
            + (f", range {np.min(values):.4g} to {np.max(values):.4g}." if values.size
               else ".")
        )  # fmt: skip
    return values


def _warn_below_chance(side, right, n_classes):
    chance = 1 / n_classes
    error = math.sqrt(chance * (1 - chance) / max(len(right), 1))
    if len(right) and right.mean() < chance - N_STANDARD_ERRORS * error:
        warn_user(
            f"The {side} is right about {right.mean():.1%} of {len(right)} rows, and "
            f"chance among {n_classes} classes about {chance:.1%}. Check that its "
            "columns stand in the order of classes, and its rows in that of y; "
            "Outcomes.from_frames puts frames in order by their names.",
            ModelWarning,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Outcomes(Evidence):
    """Evidence, and what is known only in training or evaluation: labels and grades.

    Give ``y`` with each side's probabilities or predictions, or graded utilities of
    both answers (``base_utility``, ``global_utility``). Without a global side, queries
    are abstentions, and the global counts as always right.

    Parameters
    ----------
    base_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the base.
    base_logits : array-like of shape (n_samples, n_classes), optional
        Scores of the base before the softmax.
    base_features : array-like of shape (n_samples, n_features), optional
        Intermediate outputs of the base: an embedding, pooled activations.
    X : sequence of length n_samples, optional
        The inputs themselves: array, sparse matrix, DataFrame, list of texts.
    group : array-like of shape (n_samples,), optional
        Group of each row, for budgets by group.
    local_only : array-like of shape (n_samples,), bool, optional
        Rows that must stay with the base: they are never queried.
    query_cost : array-like of shape (n_samples,), optional
        Cost of a query about each row, in any unit, for budgets on such costs.
    id : array-like of shape (n_samples,), optional
        Identifier of each row in tables that are read and written.
    classes : array-like of shape (n_classes,), optional
        Label of each probability column. By default 0, 1, ..., n_classes - 1. Columns
        of a data frame are put in this order by name.
    y : array-like of shape (n_samples,), optional
        True labels.
    global_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the global.
    base_pred, global_pred : array-like of shape (n_samples,), optional
        Predicted labels, if there are no probabilities or they do not determine the
        label.
    base_utility, global_utility : array-like of shape (n_samples,), optional
        Utility of each side's answer, in [0, 1]. By default 1 where its prediction
        equals ``y`` and 0 elsewhere.
    sample_weight : array-like of shape (n_samples,), optional
        Frequency weights.
    fold : array-like of shape (n_samples,), int, optional
        Number of the fold in which a row was held out from the models. Learned routers
        cross-fit along the same folds.

    Attributes
    ----------
    has_global : bool
        False for abstention.
    benefit : ndarray of shape (n_samples,)
        ``global_utility - base_utility``, in [-1, 1].
    proxy_label : ndarray of shape (n_samples,)
        The positive part of the benefit: the paper's o(x) = 1{b(x) ≠ g(x) = y}.

    Raises
    ------
    ValueError
        If lengths or indexes differ, a label is not in ``classes``, there is nothing to
        judge the base by, or a part is malformed.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> outcomes = Outcomes(
    ...     base_proba=[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]],
    ...     global_proba=[[0.8, 0.2], [0.1, 0.9], [0.7, 0.3]],
    ...     y=[0, 1, 1],
    ... )
    >>> outcomes.benefit
    array([ 0.,  1., -1.])
    """

    y: object = None
    global_proba: object = None
    base_pred: object = None
    global_pred: object = None
    base_utility: object = None
    global_utility: object = None
    sample_weight: object = None
    fold: object = None

    _distributions = ("base_proba", "global_proba")

    def __post_init__(self):
        super().__post_init__()
        for name in ("y", "base_pred", "global_pred", "fold"):
            if getattr(self, name) is not None:
                self._set(name, self._check_column(name))
        self._check_lengths()
        self._check_comparable()
        self._set("base_utility", self._utility("base"))
        if self.has_global:
            self._set("global_utility", self._utility("global"))
        if self.sample_weight is not None:
            weight = check_weights(self.sample_weight, self.n_rows)
            self._set("sample_weight", weight)

    def _set_classes(self):
        super()._set_classes()
        width = next(iter(self._widths().values()), None)
        if self.classes is None and width is not None:
            self._set("classes", np.arange(width))

    def _check_column(self, name):
        column = check_labels(getattr(self, name), name)
        if column.ndim != 1:
            raise ValueError(
                f"{name} must be of shape (n_samples,). Got shape {column.shape}."
            )
        if name == "fold":
            if column.dtype.kind not in "iu":
                raise ValueError(
                    f"fold must hold whole numbers. Got dtype {column.dtype}."
                )
        elif self.classes is not None:
            if kind_of(column) == kind_of(self.classes):
                unknown = np.setdiff1d(column, self.classes)
            else:
                unknown = np.unique(column)
            if len(unknown):
                more = " ..." if len(self.classes) > 10 else ""
                raise ValueError(
                    f"{name} holds labels that are not in classes: "
                    f"{unknown[:5].tolist()}. classes are "
                    f"{self.classes[:10].tolist()}{more}"
                    "; pass classes= with the label of each probability column."
                )
        return column

    def _check_comparable(self):
        for name in ("base_pred", "global_pred"):
            predicted = getattr(self, name)
            if predicted is None or self.y is None or not len(self.y):
                continue
            if kind_of(predicted) != kind_of(self.y):
                raise ValueError(
                    f"{name} and y must be labels of one kind, or no answer is ever "
                    f"right. Got {kind_of(predicted)} ({predicted[:3].tolist()}) and "
                    f"{kind_of(self.y)} ({self.y[:3].tolist()}). Map one to the other."
                )

    def _utility(self, side):
        graded = getattr(self, f"{side}_utility")
        if graded is not None:
            return _check_unit_interval(graded, f"{side}_utility")
        labels = self.predicted(side)
        if self.y is None or labels is None:
            raise ValueError(
                f"Outcomes cannot judge the {side}: give y together with {side}_proba "
                f"or {side}_pred, or grades as {side}_utility."
            )
        right = (labels == self.y).astype(float)
        if self.classes is not None:
            _warn_below_chance(side, right, len(self.classes))
        return right

    def predicted(self, side):
        """Predicted labels of a side.

        Parameters
        ----------
        side : {"base", "global"}

        Returns
        -------
        ndarray of shape (n_samples,) or None
            None if only graded utilities are known.
        """
        given = getattr(self, f"{side}_pred")
        proba = getattr(self, f"{side}_proba")
        if given is not None or proba is None:
            return given
        return self.classes[top_class(proba)]

    @cached_property
    def has_global(self):
        """Whether there is a global side; without one, a query is an abstention."""
        return any(
            getattr(self, name) is not None
            for name in ("global_proba", "global_pred", "global_utility")
        )

    @property
    def evidence(self):
        """The part that a router would see at query time."""
        return Evidence(**{n: getattr(self, n) for n in field_names(Evidence)})

    @cached_property
    def benefit(self):
        """Utility of the global minus utility of the base, shape (n_samples,)."""
        return self.query_utility - self.base_utility

    @property
    def query_utility(self):
        """Utility of a query, shape (n_samples,): 1 for abstention."""
        if self.has_global:
            return self.global_utility
        return np.ones(len(self.base_utility))

    @property
    def proxy_label(self):
        """Positive part of the benefit, shape (n_samples,): the paper's o(x)."""
        return np.maximum(self.benefit, 0)

    @property
    def weight(self):
        """Sample weights; ones if none were given."""
        if self.sample_weight is None:
            return np.ones(len(self.base_utility))
        return self.sample_weight

    def _derived_fields(self):
        """Names of the utilities that are derived from y and the answers."""
        sides = {side: self.predicted(side) for side in ("base", "global")}
        return {
            f"{side}_utility"
            for side, labels in sides.items()
            if self.y is not None
            and labels is not None
            and np.array_equal(getattr(self, f"{side}_utility"), labels == self.y)
        }

    def _summary(self):
        judged, derived = self.y is not None, self._derived_fields()
        given = (described(*part) for part in self._rows() if part[0] not in derived)
        if not self.n_rows:
            return [", ".join(given)]
        of, grade = self.weight / self.weight.sum(), "accuracy" if judged else "utility"
        said = [f"base {grade} {of @ self.base_utility:.4f}"]
        if self.has_global:
            helps, harms = of @ (self.benefit > 0), of @ (self.benefit < 0)
            said[0] += f", global {grade} {self._global_mean():.4f}"
            said.append(f"a query helps {helps:.1%} of the rows and harms {harms:.1%}")
        return [*said, ", ".join(given)]

    def _global_mean(self):
        """Mean utility of the global on rows that may be sent to it."""
        sent = self.weight
        if self.local_only is not None:
            sent = np.where(self.local_only, 0, sent)
        total = sent.sum()
        return sent @ self.global_utility / total if total else math.nan

    @classmethod
    def from_frames(
        cls, base, global_=None, *, y=None, classes=None, id=None, **fields
    ):
        """Outcomes from data frames with a column of probabilities for each class.

        Class columns are matched by name, and rows by `id` or index; position is used
        only if there are no names.

        Parameters
        ----------
        base, global_ : DataFrame of pandas or polars, or Table of pyarrow
            Probabilities of each side, with columns named by the classes. Without
            `global_`, and without any other parameter of the global, queries are
            abstentions.
        y : str, Series or array-like of shape (n_samples,), optional
            True labels: the name of a column, or a value as for `fields`.
        classes : array-like of shape (n_classes,), optional
            Labels in the order of the columns. By default, the base's columns in their
            order; both sides must then have the same columns. With `classes`, a class
            without a column gets probability zero, and other columns are ignored.
        id : str, optional
            Column, or index, that identifies the rows. By default the index of pandas;
            frames without one go by position, and must have the same length. A column
            that both frames have and that shows a different row order is refused.
        **fields
            Further parameters of :class:`Outcomes`: the name of a column, a frame or
            series that is aligned with the base's rows, or an array in the order of the
            base's rows.

        Returns
        -------
        Outcomes
            With the rows in the order of the base's, and ``id`` if they have names.

        Raises
        ------
        TypeError
            If `base` or `global_` is not a data frame.
        ValueError
            If a row or class is missing or duplicated on a side; the message says which
            and where.

        Examples
        --------
        >>> import pandas as pd
        >>> from selective_query import Outcomes
        >>> base = pd.DataFrame({"cat": [0.9, 0.4], "dog": [0.1, 0.6]}, ["a", "b"])
        >>> global_ = pd.DataFrame({"dog": [0.2, 0.1], "cat": [0.8, 0.9]}, ["b", "a"])
        >>> y = pd.Series(["cat", "cat"], ["a", "b"])
        >>> Outcomes.from_frames(base, global_, y=y)
        Outcomes of 2 rows, 2 classes (cat, dog)
          base accuracy 0.5000, global accuracy 1.0000
          a query helps 50.0% of the rows and harms 0.0%
          base_proba (2, 2), id, y, global_proba (2, 2)
        """
        frames = {"base": base} if global_ is None else {
            "base": base, "global_": global_,
        }  # fmt: skip
        return cls(**aligned(frames, classes=classes, id=id, y=y, fields=fields))
