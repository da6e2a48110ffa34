"""The 256 numbers that an int8 can stand for, and which ones to choose."""

from dataclasses import dataclass

import numpy as np
import torch

LOWEST, HIGHEST = -128, 127
# Of the observed values, left outside the grid on both sides together.
PERCENTILE_OUTSIDE = 0.001
SHRINKING = np.linspace(1, 0.2, 81)


@dataclass(frozen=True)
class Grid:
    """Evenly spaced reals, ``scale * (q - zero_point)`` for an int8 q.

    Zero is always one of them, so that padding and a ReLU cost no accuracy.

    Parameters
    ----------
    scale : float
        Distance of neighbours.
    zero_point : int
        The q that stands for 0, in [-128, 127].

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
        """The finest grid with zero that reaches from one number to another.

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
        """The int8 of the nearest number of the grid.

        Parameters
        ----------
        x : tensor
            Reals.

        Returns
        -------
        tensor of int8
            Of the shape of `x`.
        """
        q = (x.double() / self.scale).round() + self.zero_point
        return q.clamp(LOWEST, HIGHEST).to(torch.int8)

    def steps(self, x):
        """Whole numbers q - zero_point of the nearest numbers of the grid.

        Parameters
        ----------
        x : tensor
            Reals.

        Returns
        -------
        tensor of float64
            Of the shape of `x`.
        """
        return self.quantised(x).double() - self.zero_point

    def reals(self, q):
        """What int8 numbers stand for.

        Parameters
        ----------
        q : tensor of int8

        Returns
        -------
        tensor of float32
            Of the shape of `q`.
        """
        return (self.scale * (q.double() - self.zero_point)).float()

    def rounded(self, x):
        """The nearest number of the grid.

        Parameters
        ----------
        x : tensor
            Reals.

        Returns
        -------
        tensor of float32
            Of the shape of `x`.
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


# Name of a rule -> grid from a sample of the values, the least, and the largest of all.
RANGES = {"min_max": _min_max, "percentile": _percentile, "mse": _mse}
