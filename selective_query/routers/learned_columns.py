"""The columns of new evidence, refused where they are not those of fit."""

from selective_query.routers.evidence_columns import (
    describe_layout,
    evidence_columns,
)


def columns_like(evidence, layout, who):
    """Columns of the evidence, which must have the layout that `who` was fitted on.

    Raises
    ------
    ValueError
        When the evidence has other kinds or widths.
    """
    columns, found = evidence_columns(evidence)
    if found != layout:
        raise ValueError(
            f"{who} was fitted on other evidence: {describe_layout(layout)}. Got "
            f"{describe_layout(found)}. Give the same kinds of evidence as in fit."
        )
    return columns
