"""Evidence about a batch, and what is known of it afterwards: how both sides did."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from selective_query._utils.labels import check_labels, kind_of
from selective_query._utils.numbers import as_numbers
from selective_query._utils.validation import check_weights
from selective_query.outcomes._files import read_predictions
from selective_query.outcomes.evidence import Evidence, check_any_proba, field_names
from selective_query.outcomes.probabilities import top_class


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcomes(Evidence):
    """Evidence, and what is known only in training or evaluation: how both sides did.

    Give ``y`` with each side's probabilities or predictions, or grades of both answers
    (``base_utility``, ``global_utility``). Without a global side the problem is one of
    abstention, and the global counts as always right.

    Parameters
    ----------
    base_proba, base_logits, base_features, X, group, local_only, query_cost
        As in :class:`Evidence`.
    y : array-like of shape (n_samples,), optional
        True labels.
    global_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the global.
    base_pred, global_pred : array-like of shape (n_samples,), optional
        Predicted labels, where probabilities are not there (or do not decide).
    base_utility, global_utility : array-like of shape (n_samples,), optional
        How good each side's answer is, in [0, 1]. By default 1 where its prediction
        equals ``y`` and 0 elsewhere.
    sample_weight : array-like of shape (n_samples,), optional
        Frequency weights.
    classes : array-like of shape (n_classes,), optional
        Label of each probability column. By default 0, 1, ..., n_classes - 1. Columns
        of a data frame are put in this order by their names.
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
        When lengths or indices differ, a label is not in ``classes``, there is nothing
        to judge the base by, or a part is malformed.

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
    classes: object = None
    fold: object = None

    def __post_init__(self):
        super().__post_init__()
        if self.global_proba is not None:
            checked = check_any_proba(self.global_proba, "global_proba")
            self._set("global_proba", checked)
        self._set_classes()
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
        widths = {
            name: value.shape[1]
            for name in ("base_proba", "global_proba")
            if (value := getattr(self, name)) is not None
        }
        if self.classes is not None:
            classes = check_labels(self.classes, "classes")
            if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
                raise ValueError(
                    "classes must list each label once, in the order of the "
                    f"probability columns. Got {classes!r}."
                )
            self._set("classes", classes)
            widths["classes"] = len(classes)
        if len(set(widths.values())) > 1:
            listing = ", ".join(f"{name}: {width}" for name, width in widths.items())
            raise ValueError(
                "base_proba, global_proba and classes must agree on the number of "
                f"classes. Got {listing}. Add zero columns for classes that one side "
                "does not know."
            )
        if self.classes is None and widths:
            self._set("classes", np.arange(next(iter(widths.values()))))

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
        labels = self._labels(side)
        if self.y is None or labels is None:
            raise ValueError(
                f"Outcomes cannot judge the {side}: give y together with {side}_proba "
                f"or {side}_pred, or grades as {side}_utility."
            )
        return (labels == self.y).astype(float)

    def _labels(self, side):
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
        """What a router would see of this batch at query time."""
        return Evidence(**{n: getattr(self, n) for n in field_names(Evidence)})

    @cached_property
    def benefit(self):
        """Utility of the global minus utility of the base, shape (n_samples,)."""
        return self.query_utility - self.base_utility

    @property
    def query_utility(self):
        """Utility of a query, shape (n_samples,): 1 everywhere without a global."""
        if self.has_global:
            return self.global_utility
        return np.ones(len(self.base_utility))

    @property
    def proxy_label(self):
        """Positive part of the benefit, shape (n_samples,): the paper's o(x)."""
        return np.maximum(self.benefit, 0)

    @property
    def weight(self):
        """Sample weights, ones where none were given."""
        if self.sample_weight is None:
            return np.ones(len(self.base_utility))
        return self.sample_weight

    @classmethod
    def from_file(cls, path):
        """Read outcomes from an npz file of saved predictions.

        The keys are the parameter names of this class (``base_proba``,
        ``global_proba``, ``y``, ``classes``, ...). Top-k probabilities of one side are
        three arrays: ``base_topk_classes``, ``base_topk_proba`` and ``n_classes`` (and
        ``global_topk_...``).

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError
            When the file is no npz file, is damaged, encrypted, or unpacked takes a
            hundred times its size and more than 256 MB, holds objects, has unknown
            keys or malformed contents; the message names the key.
        """
        return read_predictions(path, cls, field_names(cls))
