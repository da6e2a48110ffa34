"""Where numbers leave single precision, and which tables tell that none was lost.

Of finite tables most steps make finite ones; a product or a sum may be too large. What
is then infinite, or no number, a comparison may take for an ordinary one: the largest
of a row, the branch of a tree, a share of infinity. Whoever looks at the tables named
here sees every such row.
"""

# Whose table is not finite wherever one that it takes is not, in whatever column.
PASSES_ON = {
    "affine", "centre", "concatenate", "pairs", "scale", "squared_distance",
    "add", "subtract", "cross_entropy", "norm2", "complement", "negative", "sqrt",
}  # fmt: skip
# Whose table is finite wherever those are that it takes; an infinite constant is meant.
STAYS_FINITE = {
    "top", "columns", "concatenate", "log", "peak", "softmax", "class_effect",
    "constant", "max", "min", "agreement", "complement", "negative", "sigmoid", "tanh",
    "relu", "single",
}  # fmt: skip


def told_by(steps):
    """Places of the tables that are finite only where all tables are.

    Parameters
    ----------
    steps : sequence of Step

    Returns
    -------
    set of int
        No table is among them that another one speaks for.
    """
    carried = {i for step in steps if _is_of(step, PASSES_ON) for i in step.inputs}
    may_lose = set()
    for place, step in enumerate(steps):
        carries = _is_of(step, PASSES_ON) and not may_lose.isdisjoint(step.inputs)
        if carries or not _is_of(step, STAYS_FINITE):
            may_lose.add(place)
    return may_lose - carried


def _is_of(step, kinds):
    return step.parameters.get("function", step.op) in kinds
