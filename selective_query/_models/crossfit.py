"""Outcomes from estimators: answers of both models to rows they were not fitted on."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from selective_query._models.answers import Answers, ask, check_has_classes
from selective_query._models.judging import ask_to_judge, stand_in
from selective_query._models.refit import FoldAnswers
from selective_query._utils.labels import kind_of, labelled_rows, pick_rows
from selective_query._utils.parallel import in_parallel
from selective_query._utils.validation import hands_fit_on, is_frozen, takes_weights
from selective_query.outcomes.outcomes import Outcomes


def fit_model(model, X, y, sample_weight=None):
    """Return a fitted clone, or the model itself if it is frozen."""
    # A wrapper that delegates its fit has parameters of its own, which may be set
    # later.
    if is_frozen(model) and not hands_fit_on(model):
        return model
    model = clone(model)
    if sample_weight is not None and takes_weights(model):
        return model.fit(X, y, sample_weight=sample_weight)
    return model.fit(X, y)


def times(weight, factor):
    """Multiply row weights by a factor; either may be None."""
    if weight is None or factor is None:
        return factor if weight is None else weight
    return weight * factor


def _fit_and_ask(model, X, y, weight, rows, classes, base_features, who):
    train, *asked = rows
    fitted = fit_model(model, *pick_rows(train, X, y, weight))
    return [
        ask(fitted, _safe_indexing(X, some), classes, base_features, who)
        if len(some)
        else None
        for some in asked
    ]


class CrossFit:
    """Held-out answers of models, fold by fold; all models share the same splits.

    Parameters
    ----------
    X, y, sample_weight
        Data; y holds labels.
    cv : int, splitter or iterable of (train, test)
        Every row must be in exactly one test part.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    n_jobs : int or None
        For joblib.
    verbose : int
        If above zero, a progress bar is shown for fits that take more than two seconds.
    """

    def __init__(self, X, y, sample_weight, cv, classes, n_jobs=None, verbose=0):
        self.X, self.y, self.weight, self.classes = X, y, sample_weight, classes
        self.n_jobs, self.verbose = n_jobs, verbose
        splitter = check_cv(cv, y, classifier=True)
        self.splits = [
            (np.asarray(train), np.asarray(test))
            for train, test in splitter.split(_placeholder(X, y), y)
        ]
        self.fold = _fold_numbers(self.splits, len(y))
        # A fold without weight is not counted, but its rows are still answered.
        self.counted = [
            number
            for number, (_, test) in enumerate(self.splits)
            if sample_weight is None or sample_weight[test].any()
        ]

    def answers(self, model, base_features=None, who="base_estimator", factor=None):
        """Out-of-fold answers of a model to every row.

        In the fits, the weight of each row is multiplied by `factor`.
        """
        if is_frozen(model):
            return ask(model, self.X, self.classes, base_features, who)
        return joined(self.folds(model, base_features, who, factor))

    def folds(self, model, base_features, who, factor=None, some=()):
        """Answers fold by fold, including those to rows of `some` that each fit saw.

        Returns
        -------
        list of FoldAnswers
        """
        return self._run(model, self.splits, base_features, who, factor, some)

    def coarser_folds(self, model, base_features, who, factor=None, some=()):
        """Answers as from `folds`, with one more fold left out of each fit.

        Each fit leaves out two neighbouring folds and answers both, so K folds need
        about K / 2 fits. Folds without weight are skipped.
        """
        fewer, splits = [], [self.splits[number] for number in self.counted]
        for number in range(0, len(splits), 2):
            train, test = splits[number]
            next_test = splits[(number + 1) % len(splits)][1]
            both = np.concatenate([test, next_test])
            fewer.append((np.setdiff1d(train, next_test), both))
        return self._run(model, fewer, base_features, who, factor, some)

    def _run(self, model, splits, base_features, who, factor, some):
        weight = times(self.weight, factor)
        rows = [(train, test, np.intersect1d(some, train)) for train, test in splits]
        if takes_weights(model):
            _refuse_weightless(splits, weight, who)
        found = in_parallel(
            _fit_and_ask,
            [
                (model, self.X, self.y, weight, part, self.classes, base_features, who)
                for part in rows
            ],
            self.n_jobs,
            label=f"cross-fitting {who}",
            shown=self.verbose,
        )
        return [
            FoldAnswers(test, held_out, seen, seen_answers)
            for (_, test, seen), (held_out, seen_answers) in zip(
                rows, found, strict=True
            )
        ]


def joined(folds):
    """Concatenate the held-out answers of all folds in row order."""
    order = np.argsort(np.concatenate([fold.test for fold in folds]))
    parts = [fold.held_out for fold in folds]
    return Answers(
        *(
            None
            if getattr(parts[0], name) is None
            else np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("proba", "features", "logits", "predicted")
        )
    )


def _refuse_weightless(splits, weight, who):
    for train, test in splits if weight is not None else ():
        if not weight[train].any():
            raise ValueError(
                f"sample_weight is zero on every row that {who} is to be fitted on for "
                f"one of the folds (its first row is {test[0]}). Give weight to rows "
                "of at least two folds; or leave out the rows without weight, so that "
                "an int in cv spreads the others over all folds."
            )


def _placeholder(X, y):
    # Splitters read only the length of X; a list of texts would break some of them.
    return np.zeros((len(y), 1)) if not hasattr(X, "shape") else X


def _fold_numbers(splits, n):
    parts = [part for split in splits for part in split]
    for part in parts:
        if not len(part) or part.dtype.kind not in "iu" or part.min() < 0:
            raise ValueError(
                "cv must give row numbers >= 0, at least one for each train and test "
                f"part. Got {len(part)} of dtype {part.dtype}"
                + (f", the least of them {part.min()}" if len(part) else "")
                + ". Use np.flatnonzero(mask) in place of a mask, and leave out folds "
                "that hold no rows."
            )
    if any(part.max() >= n for part in parts):
        raise ValueError(
            f"cv holds row numbers beyond the {n} rows to be split. With calibration= "
            "a share of the rows is held out first; give cv as an int or a splitter."
        )
    times = np.zeros(n, dtype=int)
    fold = np.zeros(n, dtype=int)
    for number, (_, test) in enumerate(splits):
        times[test] += 1
        fold[test] = number
    if not (times == 1).all():
        raise ValueError(
            "cv must put every row into exactly one test part, so that each row has "
            f"one held-out answer. {int((times == 0).sum())} rows are in none and "
            f"{int((times > 1).sum())} in several. Use KFold, StratifiedKFold, an "
            "int, or the list of splits that GroupKFold makes of your groups."
        )
    if len(splits) < 2:
        raise ValueError(f"cv must have at least two folds. Got {len(splits)}.")
    return fold


def to_outcomes(
    base,
    global_,
    X,
    y,
    classes,
    sample_weight=None,
    fold=None,
    *,
    stays=None,
    missing=None,
):
    """Build outcomes from the answers of both sides; `global_` is None for abstention.

    Where the global's answer is unknown, the base's answer takes its place: in rows
    that must stay with the base, which ``local_only`` marks, and in rows where the
    global failed to answer, which get zero weight. Labels that are not among the
    classes have no column. If any such label occurs in y, graded utilities replace y:
    both sides are wrong about it.
    """
    if stays is not None and global_ is not None:
        global_ = stand_in(global_, base, stays)
    if missing is not None and missing.any():
        global_ = stand_in(global_, base, missing)
        sample_weight = times(sample_weight, (~missing).astype(float))
    sides = {"base_utility": base, "global_utility": global_}
    grades = {n: classes[s.label] == y for n, s in sides.items() if s is not None}
    return Outcomes(
        base_proba=base.proba,
        base_logits=base.logits,
        base_features=base.features,
        base_pred=None if base.proba is not None else classes[base.label],
        global_proba=None if global_ is None else global_.proba,
        global_pred=None if global_ is None else classes[global_.label],
        X=X,
        y=y if np.isin(y, classes).all() else None,
        **grades,
        local_only=stays,
        classes=classes,
        sample_weight=sample_weight,
        fold=fold,
    )


def labels_of_all(y, models):
    """All labels of y and of the models, by name for messages; None is skipped."""
    known = [np.unique(y)]
    for who, model in models.items():
        if model is None or not is_frozen(model):
            continue
        check_has_classes(model, who)
        if hasattr(model, "classes_"):
            known.append(np.asarray(model.classes_))
            refuse_other_labels(known[-1], known[0], who)
    return np.unique(np.concatenate(known))


def refuse_other_labels(labels, of_y, who):
    """Raise if a model's labels differ in kind from y or share no label with it.

    Raises
    ------
    ValueError
        The message names the model by `who`.
    """
    if kind_of(labels) != kind_of(of_y):
        problem, cure = "is of another kind of label than y", "all text or all numbers"
    elif not np.isin(labels, of_y).any():
        problem, cure = "shares no label with y", "or pass a model of these"
    else:
        return
    raise ValueError(
        f"{who} is frozen and {problem}, so no answer of it is ever right. It knows "
        f"{labels[:5].tolist()}, and y holds {of_y[:5].tolist()}. Use the same labels "
        f"everywhere, {cure}."
    )


def _prepare(X, y, sample_weight, *models):
    X, y, sample_weight = labelled_rows(X, y, sample_weight)
    models = dict(zip(("base_estimator", "global_estimator"), models, strict=False))
    return X, y, sample_weight, labels_of_all(y, models)


def cross_fit_outcomes(
    base_estimator,
    global_estimator,
    X,
    y,
    *,
    cv=5,
    sample_weight=None,
    base_features=None,
    n_jobs=None,
):
    """Cross-fitted outcomes: each row is answered by models that were not fitted on it.

    Parameters
    ----------
    base_estimator, global_estimator : estimator
        Classifiers; a frozen one is not fitted. The base needs predict_proba.
        ``global_estimator=None`` means abstention.
    X, y : array-like
        Rows and labels; they must be new to any frozen model.
    cv : int, splitter or iterable of (train, test), default=5
        Both models use the same splits.
    sample_weight : array-like of shape (n_samples,), optional
    base_features : str, transformer or callable, optional
        See :class:`HybridClassifier`.
    n_jobs : int or None, default=None

    Returns
    -------
    Outcomes
        ``fold`` holds the fold number of each row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import cross_fit_outcomes
    >>> X, y = load_iris(return_X_y=True)
    >>> outcomes = cross_fit_outcomes(GaussianNB(), RandomForestClassifier(), X, y)
    >>> outcomes.n_rows
    150
    """
    models = base_estimator, global_estimator
    X, y, sample_weight, classes = _prepare(X, y, sample_weight, *models)
    cross_fit = CrossFit(X, y, sample_weight, cv, classes, n_jobs)
    base = cross_fit.answers(base_estimator, base_features)
    global_ = missing = None
    if global_estimator is not None and is_frozen(global_estimator):
        global_, missing = ask_to_judge(global_estimator, X, classes)
    elif global_estimator is not None:
        global_ = cross_fit.answers(global_estimator, who="global_estimator")
    frozen = all(m is None or is_frozen(m) for m in models)
    fold = None if frozen else cross_fit.fold
    return to_outcomes(
        base, global_, X, y, classes, sample_weight, fold, missing=missing
    )


def outcomes_from_models(
    base_estimator, global_estimator, X, y, *, sample_weight=None, base_features=None
):
    """Outcomes of two fitted models on rows that neither was fitted on.

    Parameters
    ----------
    base_estimator, global_estimator : fitted estimator
        ``global_estimator=None`` means abstention.
    X, y : array-like
        Rows that neither model was fitted on.
    sample_weight : array-like of shape (n_samples,), optional
    base_features : str, transformer or callable, optional
        See :class:`HybridClassifier`.

    Returns
    -------
    Outcomes

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import outcomes_from_models
    >>> X, y = load_iris(return_X_y=True)
    >>> base = GaussianNB().fit(X[::2], y[::2])
    >>> global_ = RandomForestClassifier().fit(X[::2], y[::2])
    >>> outcomes_from_models(base, global_, X[1::2], y[1::2]).n_rows
    75
    """
    models = [m for m in (base_estimator, global_estimator) if m is not None]
    frozen = map(FrozenEstimator, models)
    X, y, sample_weight, classes = _prepare(X, y, sample_weight, *frozen)
    base = ask(base_estimator, X, classes, base_features)
    global_ = missing = None
    if global_estimator is not None:
        global_, missing = ask_to_judge(global_estimator, X, classes)
    return to_outcomes(base, global_, X, y, classes, sample_weight, missing=missing)
