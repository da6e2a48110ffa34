"""The inputs of a model: columns of a table, each centred and scaled."""

from dataclasses import dataclass, field, replace

import numpy as np

from selective_query.export._base_steps.thresholds import largest_at_most
from selective_query.routers import Steps

# A scaler is folded into the following products if no column's centre is further from
# zero than this many of its scales: folding then costs at most log2(16) of the 24 bits
# of single precision.
FURTHEST_FOLDED = 16


@dataclass(frozen=True, eq=False)
class Inputs:
    """Columns of a table as a model sees them: ``(x - centre) / scale``.

    No step is written yet: the reader of the columns folds what it can.

    Parameters
    ----------
    steps : Steps
        Steps being written.
    place : int
        Index of the table's step.
    width : int
        Number of its columns.
    columns : ndarray of shape (n_columns,)
        Columns that are read.
    centre, scale : ndarray of shape (n_columns,)
    exactly : callable
        ``exactly(x, j)`` is the scaled j-th column, rounded as in scikit-learn.
    """

    steps: Steps
    place: int
    width: int
    columns: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    exactly: callable = field(default=lambda x, j: x)

    @classmethod
    def of_table(cls, steps, place, width):
        """Return all columns of a table unchanged."""
        return cls(
            steps, place, width, np.arange(width), np.zeros(width), np.ones(width)
        )

    def __len__(self):
        return len(self.columns)

    def scaled(self, centre, scale, exactly):
        """Return the columns after another scaler that rounds like ``exactly``."""
        before = self.exactly
        return replace(
            self,
            centre=self.centre + self.scale * centre,
            scale=self.scale * scale,
            exactly=lambda x, j: exactly(before(x, j), j),
        )

    def taken(self, kept):
        """Return some of the columns, selected by positions or a mask."""
        kept = np.arange(len(self))[kept]
        before = self.exactly
        return replace(
            self,
            columns=self.columns[kept],
            centre=self.centre[kept],
            scale=self.scale[kept],
            exactly=lambda x, j: before(x, kept[j]),
        )

    @property
    def is_scaled(self):
        return bool(self.centre.any() or (self.scale != 1).any())

    def table(self):
        """Return the index of the columns as the model sees them."""
        place = self._taken()
        if self.is_scaled:
            place = self.steps.add("scale", place, centre=self.centre, scale=self.scale)
        return place

    def affine(self, weight, bias=None):
        """Return the index of products with weights of shape (n_columns, n_out)."""
        weight = np.asarray(weight, dtype=float)
        bias = np.zeros(weight.shape[1]) if bias is None else np.asarray(bias, float)
        if not (np.abs(self.centre) <= FURTHEST_FOLDED * self.scale).all():
            return self.steps.add("affine", self.table(), weight=weight, bias=bias)
        weight = weight / self.scale[:, None]
        bias = bias - self.centre @ weight
        return self.steps.add("affine", self._taken(), weight=weight, bias=bias)

    def squared_distance(self, centres, weights):
        """Return the index of weighted squared distances to k centres.

        Centres and weights are of shape (k, n_columns).
        """
        return self.steps.add(
            "squared_distance",
            self._taken(),
            centres=self.centre + self.scale * centres,
            weights=weights / self.scale**2,
        )

    def trees(self, nodes, in_single):
        """Return the index of the sums of trees on these columns.

        Scaling and rounding are folded into the thresholds: every number takes the
        same branches as in scikit-learn.

        Parameters
        ----------
        nodes : dict
            Parameters of the operation ``trees``.
        in_single : bool
            Whether the trees round the columns to single precision.
        """
        column = nodes["feature"]

        def seen(x):
            x = self.exactly(x, column)
            return x.astype(np.float32) if in_single else x

        threshold = largest_at_most(seen, nodes["threshold"])
        moved = {"feature": self.columns[column], "threshold": threshold}
        return self.steps.add("trees", self.place, **nodes | moved)

    def _taken(self):
        """Return the index of the selected columns, copied in contiguous runs."""
        breaks = np.flatnonzero(np.diff(self.columns) != 1) + 1
        runs = [(run[0], run[-1] + 1) for run in np.split(self.columns, breaks)]
        if runs == [(0, self.width)]:
            return self.place
        cut = [
            self.steps.add("columns", self.place, start=int(start), stop=int(stop))
            for start, stop in runs
        ]
        return self.steps.add("concatenate", *cut) if len(cut) > 1 else cut[0]
