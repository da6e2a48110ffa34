"""What the parts of a budget read off rows."""

from dataclasses import dataclass

import numpy as np


def part_that_reads(budget, what):
    """The part that reads the group, or the query cost, of each row; or None."""
    return next(iter(parts_that_read(budget, what)), None)


def parts_that_read(budget, what):
    """The parts that read this off each row; none where no budget is asked for."""
    parts = () if budget is None else budget.parts
    return tuple(part for part in parts if part.reads_rows and part.reads == what)


def local_parts(budget):
    """The parts that name rows which must stay."""
    return parts_that_read(budget, "local_only")


def rows_that_stay(local, evidence):
    """Rows that must stay with the base, by the evidence or by parts that name them.

    Parameters
    ----------
    local : tuple of Budget
        As `local_parts` gives them.
    evidence : Evidence

    Returns
    -------
    ndarray of shape (n_samples,), bool, or None
        None where nothing says that a row must.
    """
    masks = [part.column(evidence) for part in local]
    if evidence.local_only is not None:
        masks.append(evidence.local_only)
    return np.logical_or.reduce(masks) if masks else None


def rows_that_may_leave(local, evidence):
    """Numbers of the rows that a router can learn from; None where all may leave.

    What a query about the others would gain is not known, and nothing depends on it.
    """
    stays = rows_that_stay(local, evidence)
    return None if stays is None or stays.all() else np.flatnonzero(~stays)


def read_to_be_solved(budget):
    """All that reads rows and takes more than one threshold: parts, or a mixture."""
    parts = parts_that_read(budget, "group") + parts_that_read(budget, "query_cost")
    return (*parts, budget) if budget is not None and budget.mixes else parts


@dataclass(frozen=True, eq=False)
class RowColumns:
    """What budgets read off calibration rows, kept so that `at` can move among them.

    Attributes
    ----------
    kept : tuple of (str, object, ndarray)
        Kind of budget, where it reads, and what it read.
    """

    kept: tuple[tuple[str, object, np.ndarray], ...] = ()

    @classmethod
    def read(cls, budget, evidence):
        """Whatever a budget reads off these rows."""
        return cls(
            tuple(
                (type(part).__name__, part.where_read, part.column(evidence))
                for part in read_to_be_solved(budget)
            )
        )

    def get(self, part):
        """The column that a budget reads, None where it was not kept."""
        for kind, where, column in self.kept:
            if (kind, where) == (type(part).__name__, part.where_read):
                return column
        return None

    def of(self, part):
        """The column that a budget reads.

        Raises
        ------
        ValueError
            When it was not kept.
        """
        column = self.get(part)
        if column is None:
            raise ValueError(
                f"{part!r} reads a column that was not kept in fit. Fit with this "
                "budget first; at() can then move to others by the same column."
            )
        return column
