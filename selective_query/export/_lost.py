"""Overflow of single precision, and the tables that reveal it.

Most steps turn finite tables into finite ones, but a product or a sum may overflow. A
later comparison can hide the resulting infinity or NaN: a maximum over a row, the
branch of a tree, a division by infinity. Checking the tables selected here is enough
to detect every such row.
"""

# The output row is non-finite whenever any value of the input row is.
PASSES_ON = {
    "affine", "centre", "concatenate", "pairs", "scale", "squared_distance",
    "add", "subtract", "cross_entropy", "norm2", "complement", "negative", "sqrt",
}  # fmt: skip
# The output is finite whenever the inputs are; infinite constants are intended.
STAYS_FINITE = {
    "top", "columns", "concatenate", "log", "peak", "softmax", "class_effect",
    "constant", "max", "min", "agreement", "complement", "negative", "sigmoid", "tanh",
    "relu", "single",
}  # fmt: skip


def told_by(steps):
    """Return indices of a minimal set of tables that reveals every non-finite value.

    Parameters
    ----------
    steps : sequence of Step

    Returns
    -------
    set of int
        Tables whose overflow shows in a later table are left out.
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
