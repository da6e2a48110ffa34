"""CascadeOperatingPoint: the operating points of the tiers, and their joint effect."""

from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from selective_query.budgets import OperatingPoint


@dataclass(frozen=True)
class CascadeOperatingPoint:
    """Operating points of the tiers of a chain, with the chain's shares and accuracy.

    Attributes
    ----------
    points : tuple of OperatingPoint
        One per tier except the last, for the rows that reach it.
    budget : Budget or None
        Budget of the whole chain; None if each tier has its own.
    shares : tuple of float
        Expected share of all inputs that each tier answers.
    accuracy : float
        Accuracy on the answered calibration rows.
    cost : float
        Mean cost of all tiers asked, on the calibration rows; nan if costs are
        unknown.
    price : float
        Utility that a unit of cost must gain; nan if no price was computed.
    abstained : float
        Share of all inputs without an answer.
    """

    points: tuple[OperatingPoint, ...]
    budget: object
    shares: tuple[float, ...]
    accuracy: float
    cost: float
    price: float
    abstained: float = 0.0

    @classmethod
    def of(cls, points, budget, rows, stop, price, doubts=None):
        """Combine the operating points of the tiers.

        Parameters
        ----------
        points : sequence of OperatingPoint
        budget : Budget or None
        rows : ChainOutcomes
            Calibration rows.
        stop : ndarray of shape (n_samples,), int, or None
            Tier that would answer each row, if known.
        price : float
        doubts : Doubts, optional
            Decides which rows get no answer.

        Returns
        -------
        CascadeOperatingPoint
        """
        flow, shares = 1.0, []
        for point in points:
            shares.append(flow * point.coverage)
            flow -= shares[-1]
        shares.append(flow)
        accuracy, cost, abstained = points[0].accuracy, nan, 0.0
        if stop is not None:
            weight = rows.weight
            if rows.costs is not None:
                cost = float(np.average(rows.spent(stop), weights=weight))
            if doubts is not None:
                answered = doubts.answered(stop)
                kept = [(weight * answered) @ (stop == j) for j in range(len(shares))]
                mass = [weight @ (stop == j) for j in range(len(shares))]
                shares = [
                    share * (k / m if m else 1.0)
                    for share, k, m in zip(shares, kept, mass, strict=True)
                ]
                weight, abstained = weight * answered, float(1 - sum(shares))
            accuracy = nan
            if weight.any():
                accuracy = float(np.average(rows.utility(stop), weights=weight))
        shares = tuple(map(float, shares))
        return cls(tuple(points), budget, shares, accuracy, cost, price, abstained)

    @property
    def certificates(self):
        """Certificate of each tier's budget, for new rows that reach it."""
        return tuple(point.certificate for point in self.points)

    def __str__(self):
        answered = ", ".join(f"{share:.4f}" for share in self.shares)
        cost = "" if isnan(self.cost) else f", mean cost {self.cost:.4g}"
        none = f", {self.abstained:.4f} by none" if self.abstained else ""
        lines = [
            f"answered by tier: {answered}{none}; accuracy {self.accuracy:.4f}{cost}"
        ]
        lines += [f"tier {j}: {point}" for j, point in enumerate(self.points)]
        return "\n".join(lines)
