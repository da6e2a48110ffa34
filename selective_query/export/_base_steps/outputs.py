"""What a model as steps puts out."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outputs:
    """Places of the tables that a model ends in, in the order of its classes.

    Probabilities stand last.

    Parameters
    ----------
    proba : int or None
        Class probabilities; None of a model that only decides.
    decision : int or None
        What ``decision_function`` returns, one column of two classes; None where the
        model has none.
    logits : int or None
        The same with a column for each class: of two classes minus half and half.
    """

    proba: int | None
    decision: int | None = None
    logits: int | None = None


def of_decision(steps, decision, n_columns):
    """Outputs by a softmax of decisions, of two classes a logistic function."""
    logits = decision if n_columns > 1 else two_sided(steps, decision)
    return Outputs(steps.add("softmax", logits), decision, logits)


def of_shares(steps, decision, each):
    """Outputs by probabilities of each class against the rest, over their sum."""
    return Outputs(steps.add("normalise", each), decision, decision)


def two_sided(steps, decision, factor=1.0, shift=0.0):
    """Logits of two classes of one decision: minus half and half of it."""
    half = np.array([-0.5, 0.5])
    bias = shift * half if shift else None
    return steps.add("affine", decision, weight=factor * half[None], bias=bias)


def mean_of(steps, places):
    """The mean of some tables, entry by entry."""
    total, *others = places
    for place in others:
        total = steps.add("combine", total, place, function="add")
    return over(steps, total, len(places))


def mean_outputs(steps, members):
    """The means of what models of the same classes put out."""
    decision = logits = None
    if all(each.decision is not None for each in members):
        decision = logits = mean_of(steps, [each.decision for each in members])
        if members[0].decision != members[0].logits:
            logits = two_sided(steps, decision)
    proba = mean_of(steps, [each.proba for each in members])
    return Outputs(proba, decision, logits)


def over(steps, place, number):
    """A table over a number, column by column as wide as its last step makes it."""
    if number == 1:
        return place
    width = steps.program("").widths()[place]
    return steps.add(
        "scale", place, centre=np.zeros(width), scale=np.full(width, float(number))
    )


def only(steps, places):
    """Steps without those that none of these places needs, and the new places.

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
