"""A router around any scikit-learn regressor or classifier."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline

from selective_query._utils.validation import takes_weights
from selective_query.outcomes.probabilities import top_class
from selective_query.routers._evidence_columns import (
    FINENESS,
    check_layout,
    evidence_columns,
    on_grid,
)
from selective_query.routers._ridge import check_penalty, standardised
from selective_query.routers.base import N_FOLDS, BaseRouter, iter_folds
from selective_query.routers.supervision.named import is_in_benefit_units, supervise

FEWEST_ROWS = 2 * N_FOLDS


class LearnedRouter(BaseRouter):
    r"""Query where a model of your choice predicts a gain from the evidence.

    A regressor learns the benefit :math:`\delta` defined by the supervision. A
    classifier learns a label whose probability determines the benefit linearly,

    .. math:: t = \frac{\delta - l}{1 - l}, \qquad
              s(x) = l + (1 - l) \, \hat P(t = 1 \mid x),

    with the lowest possible benefit l: 0 for "proxy", where t is the paper's label, and
    -1 otherwise. A row with a label between 0 and 1 is split into two rows, one of each
    class, that share its weight. The score is therefore in units of benefit whenever
    the supervision is.

    The model's inputs are standardised evidence columns, rounded to a grid of 2^20
    steps per standard deviation so that the batch makes no difference, and, as the last
    column, the shrunken mean benefit of the predicted class. For training rows, this
    mean is computed on other folds.

    Parameters
    ----------
    estimator : estimator
        A regressor, or a classifier with ``predict_proba``; it is cloned. If its fit
        accepts no ``sample_weight``, it can learn only from outcomes with equal
        weights.
    supervision : str or callable, default="benefit"
        Target to learn, see :func:`~selective_query.routers.supervision.supervise`.
    class_smoothing : float, default=100.0
        Number of rows of a predicted class at which its mean benefit is shrunk by half;
        inf omits the column.

    Attributes
    ----------
    estimator_ : estimator or None
        Fitted; None if all rows have the same label.
    constant_ : float
        The score if there is no estimator.
    class_mean_ : ndarray of shape (n_classes,) or None
    centre_, scale_ : ndarray of shape (n_columns,)
        For the evidence columns.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    References
    ----------
    Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023, for the benefit. Kag et al., "Efficient Edge Inference by Selective Query",
    ICLR 2023, for the label.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import LearnedRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> forest = ExtraTreesRegressor(20, min_samples_leaf=20, random_state=0)
    >>> LearnedRouter(forest).fit_score(outcomes).shape
    (500,)
    """

    learns = True
    _reads_columns = True
    _why_no_program = "it scores with a scikit-learn estimator of your choice"

    def __init__(self, estimator, supervision="benefit", class_smoothing=100.0):
        self.estimator = estimator
        self.supervision = supervision
        self.class_smoothing = class_smoothing

    @property
    def in_benefit_units(self):
        return is_in_benefit_units(self.supervision)

    @property
    def _least(self):
        return 0.0 if self.supervision == "proxy" else -1.0

    def fit(self, outcomes):
        _check_enough(outcomes)
        return self._fit(outcomes)

    def _fit_fold(self, outcomes):
        return self._fit(outcomes)

    def query_score(self, evidence):
        self._check_fitted()
        columns, layout = evidence_columns(evidence)
        check_layout(layout, self.layout_, "LearnedRouter")
        if self.estimator_ is None or not len(columns):
            return np.full(len(columns), self.constant_)
        table = on_grid((columns - self.centre_) / self.scale_, 1 / FINENESS)
        if self.class_mean_ is not None:
            mean = self.class_mean_[top_class(evidence.base_proba)]
            table = np.column_stack([table, mean])
        if not is_classifier(self.estimator_):
            return np.array(self.estimator_.predict(table), dtype=float).ravel()
        chance = self.estimator_.predict_proba(table)[:, 1]
        return self._least + (1 - self._least) * chance.astype(float)

    def _fit(self, outcomes):
        check_penalty(self.class_smoothing, "class_smoothing")
        outcomes = supervise(outcomes, self.supervision)
        outcomes = outcomes.take(outcomes.weight > 0)
        columns, self.layout_ = evidence_columns(outcomes)
        design, self.centre_, self.scale_ = standardised(columns, outcomes.weight)
        table = on_grid(design[:, 1:], 1 / FINENESS)
        held_out_mean, self.class_mean_ = _class_means(outcomes, self.class_smoothing)
        if self.class_mean_ is not None:
            table = np.column_stack([table, held_out_mean])
        self.constant_ = float(np.average(outcomes.benefit, weights=outcomes.weight))
        weight = outcomes.sample_weight
        if is_classifier(self.estimator):
            table, label, weight = self._labelled(table, outcomes.benefit, weight)
            if label.min() == label.max():
                self.estimator_ = None
                return self
        else:
            label = outcomes.benefit
        self.estimator_ = clone(self.estimator)
        self.estimator_.fit(table, label, **_weights(self.estimator_, weight))
        return self

    def _labelled(self, table, benefit, weight):
        """Rows with labels 0 and 1; a row with a label in between is split into two."""
        share = (benefit - self._least) / (1 - self._least)
        if np.isin(share, (0, 1)).all():
            return table, share.astype(int), weight
        weight = np.ones(len(share)) if weight is None else weight
        yes, no = np.flatnonzero(share > 0), np.flatnonzero(share < 1)
        rows = np.concatenate([no, yes])
        label = np.repeat([0, 1], [len(no), len(yes)])
        return (
            table[rows],
            label,
            weight[rows] * np.where(label == 1, share[rows], 1 - share[rows]),
        )


def _check_enough(outcomes):
    n_used = np.count_nonzero(outcomes.weight)
    if n_used < FEWEST_ROWS:
        raise ValueError(
            f"A learned router needs at least {FEWEST_ROWS} rows of outcomes with "
            f"weight. Got {n_used}. Use router='max_probability', which learns "
            "nothing, or give more rows."
        )


def _weights(estimator, weight):
    """The keyword argument of fit that passes the weights, if there are any."""
    if weight is None or np.ptp(weight) == 0:
        return {}
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        prefix = f"{name}__"
    else:
        last, prefix = estimator, ""
    if not takes_weights(last):
        raise ValueError(
            f"{type(last).__name__} takes no sample_weight, which these outcomes (or "
            "labels between 0 and 1, for a classifier) need. Choose a regressor, "
            "another model, or outcomes without weights."
        )
    return {f"{prefix}sample_weight": weight}


def _class_means(outcomes, smoothing):
    """Out-of-fold mean benefit of each row's predicted class, and class means."""
    if outcomes.base_proba is None or not np.isfinite(smoothing):
        return None, None
    if outcomes.fold is not None and len(np.unique(outcomes.fold)) < 2:
        outcomes = replace(outcomes, fold=None)
    if outcomes.fold is None and outcomes.n_rows < FEWEST_ROWS:
        return None, None
    predicted = top_class(outcomes.base_proba)
    n_classes = outcomes.base_proba.shape[1]

    def means(rows):
        weight, benefit = outcomes.weight[rows], outcomes.benefit[rows]
        overall = np.average(benefit, weights=weight)
        mass = np.bincount(predicted[rows], weight, n_classes)
        total = np.bincount(predicted[rows], weight * benefit, n_classes)
        shrunk = total + smoothing * overall
        seen = mass + smoothing
        return np.divide(shrunk, seen, np.full(n_classes, overall), where=seen > 0)

    held_out = np.empty(outcomes.n_rows)
    for train, test in iter_folds(outcomes):
        held_out[test] = means(train)[predicted[test]]
    return held_out, means(np.arange(outcomes.n_rows))
