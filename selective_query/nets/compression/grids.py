"""Quantisation grids: the 256 real numbers that an int8 can represent."""

from dataclasses import dataclass

import numpy as np
import torch

LOWEST, HIGHEST = -128, 127
# Share of the observed values outside the grid, both sides together.
PERCENTILE_OUTSIDE = 0.001
SHRINKING = np.linspace(1, 0.2, 81)


@dataclass(frozen=True)
class Grid:
    """Evenly spaced real numbers, ``scale * (q - zero_point)`` for an int8 q.

    Zero is always one of them, so that padding and ReLU are exact.

    Parameters
    ----------
    scale : float
        Distance between neighbours.
    zero_point : int
        The q that represents 0, in [-128, 127].

    References
    ----------
    Jacob et al., "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", CVPR 2018.

    Examples
    --------
    >>> import torch
    >>> from selective_query.nets.compression import Grid
    >>> grid = Grid.over(0.0, 25.5)
    >>> grid.zero_point, round(grid.scale, 6)
    (-128, 0.1)
    >>> grid.quantised(torch.tensor([0.0, 0.26, 99.0])).tolist()
    [-128, -125, 127]
    """

    scale: float
    zero_point: int

    @classmethod
    def over(cls, low, high):
        """Return the finest grid that covers an interval and zero.

        Parameters
        ----------
        low, high : float

        Returns
        -------
        Grid
        """
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        scale = (high - low) / (HIGHEST - LOWEST) or 1.0
        return cls(scale, int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST)))

    def quantised(self, x):
        """Quantise real numbers to the nearest int8.

        Parameters
        ----------
        x : tensor
            Real numbers.

        Returns
        -------
        tensor of int8
            Same shape as `x`.
        """
        q = (x.double() / self.scale).round() + self.zero_point
        return q.clamp(LOWEST, HIGHEST).to(torch.int8)

    def steps(self, x):
        """Return the integers q - zero_point of the nearest grid points.

        Parameters
        ----------
        x : tensor
            Real numbers.

        Returns
        -------
        tensor of float64
            Same shape as `x`.
        """
        return self.quantised(x).double() - self.zero_point

    def reals(self, q):
        """Return the real numbers that int8 numbers represent.

        Parameters
        ----------
        q : tensor of int8

        Returns
        -------
        tensor of float32
            Same shape as `q`.
        """
        return (self.scale * (q.double() - self.zero_point)).float()

    def rounded(self, x):
        """Round real numbers to the nearest grid points.

        Parameters
        ----------
        x : tensor
            Real numbers.

        Returns
        -------
        tensor of float32
            Same shape as `x`.
        """
        return self.reals(self.quantised(x))


def _min_max(values, low, high):
    return Grid.over(low, high)


def _percentile(values, low, high):
    outside = PERCENTILE_OUTSIDE / 2
    return Grid.over(*np.quantile(values.numpy(), [outside, 1 - outside]))


def _mse(values, low, high):
    grids = [Grid.over(low * factor, high * factor) for factor in SHRINKING]
    errors = [float((grid.rounded(values) - values).square().mean()) for grid in grids]
    return grids[int(np.argmin(errors))]


# Name of a rule -> function from a sample, the minimum and the maximum to a grid.
RANGES = {"min_max": _min_max, "percentile": _percentile, "mse": _mse}
