"""Concatenate batches of outcomes, with and without labels."""

from dataclasses import fields, replace
from itertools import chain

import numpy as np

from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba


def concatenate_outcomes(parts, weights=None):
    """Concatenate several outcomes, for a router to learn from.

    First apply a supervision to each part that needs one, then concatenate: labelled
    rows unchanged, unlabelled rows after :func:`soft_outcomes`.

    All parts must have the same kinds of evidence. Utilities are always kept; labels,
    probabilities and predictions only if every part has them. If some parts have fold
    numbers, rows of the other parts, which the models were not fitted on, are assigned
    to the same folds in turn. For top-k probabilities, the smallest k is used.

    Parameters
    ----------
    parts : sequence of Outcomes
    weights : sequence of float, optional
        Weight of a row of each part, multiplied into its sample weights. By default 1
        for each.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If there is no part, or parts differ in evidence, classes or having a global.

    Examples
    --------
    >>> from selective_query import Evidence, Outcomes
    >>> from selective_query.routers.supervision import (
    ...     concatenate_outcomes,
    ...     soft_outcomes,
    ... )
    >>> labelled = Outcomes(
    ...     base_proba=[[0.9, 0.1]], global_proba=[[0.8, 0.2]], y=[0]
    ... )
    >>> field = soft_outcomes(
    ...     Evidence(base_proba=[[0.6, 0.4]]), global_proba=[[0.25, 0.75]]
    ... )
    >>> both = concatenate_outcomes([labelled, field], weights=[1, 0.5])
    >>> both.benefit, both.weight
    (array([0. , 0.5]), array([1. , 0.5]))
    """
    parts = _with_classes(parts)
    _check_alike(parts)
    joined = {"classes": parts[0].classes, "fold": _folds(parts)}
    for field in fields(Outcomes):
        values = [getattr(part, field.name) for part in parts]
        if field.name not in joined and all(value is not None for value in values):
            joined[field.name] = _stacked(values)
    joined["sample_weight"] = _weights(parts, weights)
    return Outcomes(**joined)


def _with_classes(parts):
    """Give parts without labels the classes of those with labels."""
    parts = list(parts)
    labelled = [part for part in parts if _has_labels(part)]
    if not labelled or labelled[0].classes is None:
        return parts
    classes = labelled[0].classes
    return [
        part
        if _has_labels(part) or len(_listed(part.classes)) != len(classes)
        else replace(part, classes=classes)
        for part in parts
    ]


def _has_labels(part):
    names = ("y", "base_pred", "global_pred")
    return any(getattr(part, name, None) is not None for name in names)


def _check_alike(parts):
    if not parts or not all(isinstance(part, Outcomes) for part in parts):
        raise ValueError(
            "concatenate_outcomes takes a list of Outcomes, at least one. Got "
            f"{[type(part).__name__ for part in parts]}."
        )
    first = parts[0]
    for place, part in enumerate(parts):
        for field in fields(Evidence):
            if (getattr(part, field.name) is None) != (
                getattr(first, field.name) is None
            ):
                raise ValueError(
                    f"Part {place} and part 0 differ in evidence: only one of them has "
                    f"{field.name}. Give it to both or to neither."
                )
        if part.has_global != first.has_global:
            raise ValueError(f"Only one of part {place} and part 0 has a global side.")
        if not np.array_equal(_listed(part.classes), _listed(first.classes)):
            raise ValueError(
                f"Part {place} and part 0 differ in classes: {_listed(part.classes)} "
                f"and {_listed(first.classes)}. Pass classes= with the label of each "
                "probability column."
            )


def _listed(classes):
    return [] if classes is None else classes


def _stacked(values):
    if all(isinstance(value, TopKProba) for value in values):
        k = min(value.proba.shape[1] for value in values)
        return TopKProba(
            np.concatenate([value.classes[:, :k] for value in values]),
            np.concatenate([value.proba[:, :k] for value in values]),
            values[0].n_classes,
        )
    if any(isinstance(value, TopKProba) for value in values):
        raise ValueError(
            "Top-k and dense probabilities cannot be concatenated. Give one kind."
        )
    if all(hasattr(value, "toarray") for value in values):
        from scipy.sparse import vstack

        return vstack(values, format="csr")
    if all(hasattr(value, "iloc") for value in values):
        import pandas

        return pandas.concat(values, ignore_index=True)
    if all(isinstance(value, list) for value in values):
        return list(chain.from_iterable(values))
    return np.concatenate([np.asarray(value) for value in values])


def _folds(parts):
    numbers = [np.unique(part.fold) for part in parts if part.fold is not None]
    if not numbers:
        return None
    known = np.unique(np.concatenate(numbers))
    return np.concatenate(
        [
            known[np.arange(part.n_rows) % len(known)]
            if part.fold is None
            else part.fold
            for part in parts
        ]
    )


def _weights(parts, weights):
    if weights is None:
        if all(part.sample_weight is None for part in parts):
            return None
        weights = np.ones(len(parts))
    if len(weights) != len(parts):
        raise ValueError(
            f"weights must be one number for each part. Got {len(weights)} for "
            f"{len(parts)} parts."
        )
    return np.concatenate(
        [share * part.weight for share, part in zip(weights, parts, strict=True)]
    )
