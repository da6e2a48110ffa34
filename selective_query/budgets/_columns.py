"""Columns that the parts of a budget read from the rows."""

from dataclasses import dataclass

import numpy as np


def part_that_reads(budget, what):
    """The part that reads the group or the query cost of each row, or None."""
    return next(iter(parts_that_read(budget, what)), None)


def parts_that_read(budget, what):
    """The parts that read this column of the rows; none without a budget."""
    parts = () if budget is None else budget.parts
    return tuple(part for part in parts if part.reads_rows and part.reads == what)


def local_parts(budget):
    """The parts that name rows which must stay with the base."""
    return parts_that_read(budget, "local_only")


def rows_that_stay(local, evidence):
    """Mask of the rows that must stay with the base, by the evidence or by the budget.

    Parameters
    ----------
    local : tuple of Budget
        From `local_parts`.
    evidence : Evidence

    Returns
    -------
    ndarray of shape (n_samples,), bool, or None
        None if nothing marks such rows.
    """
    masks = [part.column(evidence) for part in local]
    if evidence.local_only is not None:
        masks.append(evidence.local_only)
    return np.logical_or.reduce(masks) if masks else None


def rows_that_may_leave(local, evidence):
    """Numbers of the rows that a router can learn from; None if all may be queried.

    The benefit of querying the other rows is unknown, and no decision depends on it.
    """
    stays = rows_that_stay(local, evidence)
    return None if stays is None or stays.all() else np.flatnonzero(~stays)


def read_to_be_solved(budget):
    """What reads rows and needs more than one threshold: parts, or a mixture."""
    parts = parts_that_read(budget, "group") + parts_that_read(budget, "query_cost")
    return (*parts, budget) if budget is not None and budget.mixes else parts


@dataclass(frozen=True, eq=False)
class RowColumns:
    """Columns that budgets read from calibration rows, stored for later use by `at`.

    Attributes
    ----------
    kept : tuple of (str, object, ndarray)
        Kind of budget, where it reads, and the values that it read.
    """

    kept: tuple[tuple[str, object, np.ndarray], ...] = ()

    @classmethod
    def read(cls, budget, evidence):
        """Read all columns that a budget needs from these rows."""
        return cls(
            tuple(
                (type(part).__name__, part.where_read, part.column(evidence))
                for part in read_to_be_solved(budget)
            )
        )

    def get(self, part):
        """The column that a budget part reads, or None if it was not stored."""
        for kind, where, column in self.kept:
            if (kind, where) == (type(part).__name__, part.where_read):
                return column
        return None

    def of(self, part):
        """The column that a budget part reads.

        Raises
        ------
        ValueError
            If it was not stored.
        """
        column = self.get(part)
        if column is None:
            raise ValueError(
                f"{part!r} reads a column that was not kept in fit. Fit with this "
                "budget first; at() can then move to others by the same column."
            )
        return column
