"""The outputs of a model that was converted to steps."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outputs:
    """Indices of the steps with a model's outputs, in the order of its classes.

    The probabilities come last.

    Parameters
    ----------
    proba : int or None
        Class probabilities; None for a model without them.
    decision : int or None
        The ``decision_function``, one column for two classes; None if the model has
        none.
    logits : int or None
        The same with a column for each class: for two classes, minus half and plus half
        of it.
    """

    proba: int | None
    decision: int | None = None
    logits: int | None = None


def of_decision(steps, decision, n_columns):
    """Return outputs with softmax probabilities; for two classes, logistic ones."""
    logits = decision if n_columns > 1 else two_sided(steps, decision)
    return Outputs(steps.add("softmax", logits), decision, logits)


def of_shares(steps, decision, each):
    """Return outputs with normalised one-versus-rest probabilities."""
    return Outputs(steps.add("normalise", each), decision, decision)


def two_sided(steps, decision, factor=1.0, shift=0.0):
    """Return logits of two classes: minus half and plus half of the decision."""
    half = np.array([-0.5, 0.5])
    bias = shift * half if shift else None
    return steps.add("affine", decision, weight=factor * half[None], bias=bias)


def mean_of(steps, places):
    """Return the element-wise mean of some tables."""
    total, *others = places
    for place in others:
        total = steps.add("combine", total, place, function="add")
    return over(steps, total, len(places))


def mean_outputs(steps, members):
    """Return the mean outputs of models with the same classes."""
    decision = logits = None
    if all(each.decision is not None for each in members):
        decision = logits = mean_of(steps, [each.decision for each in members])
        if members[0].decision != members[0].logits:
            logits = two_sided(steps, decision)
    proba = mean_of(steps, [each.proba for each in members])
    return Outputs(proba, decision, logits)


def over(steps, place, number):
    """Return a table divided by a number."""
    if number == 1:
        return place
    width = steps.program("").widths()[place]
    return steps.add(
        "scale", place, centre=np.zeros(width), scale=np.full(width, float(number))
    )


def only(steps, places):
    """Drop the steps that none of these places needs; return steps and new places.

    Returns
    -------
    (Steps, dict of int to int)
    """
    needed = set(places)
    for place in range(len(steps) - 1, -1, -1):
        if place in needed:
            needed.update(steps[place].inputs)
    kept = type(steps)()
    moved = {}
    for place in sorted(needed):
        op, inputs, parameters = steps[place]
        moved[place] = kept.add(op, *(moved[i] for i in inputs), **parameters)
    return kept, moved
