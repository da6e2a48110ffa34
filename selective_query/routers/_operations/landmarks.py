"""Distances from a row to landmarks: a Gaussian kernel, weighted distances."""

import numpy as np

from selective_query._utils.numbers import check_positive
from selective_query.routers._operations.operation import (
    Operation,
    finite,
    same_width,
)


class Kernel(Operation):
    parameters = {
        "landmarks": finite(2),
        "weights": finite(1),
        "width": check_positive,
    }
    scratch = 1

    def run(self, table, landmarks, weights, width):
        return (gaussian(table, landmarks, width) @ weights)[:, None]

    def width(self, n_columns, landmarks, weights, width):
        if len(landmarks) != len(weights):
            raise ValueError(
                f"there must be a weight for each of the {len(landmarks)} landmarks. "
                f"Got {len(weights)}."
            )
        same_width(n_columns, landmarks.shape[1], "landmarks")
        return 1

    def macs(self, n_columns, landmarks, weights, width):
        # A distance, its scaling, an exponential, and a multiply-accumulate.
        return len(landmarks) * (n_columns + 3)


class SquaredDistance(Operation):
    parameters = {"centres": finite(2), "weights": finite(2)}
    scratch = 1

    def run(self, table, centres, weights):
        made = np.empty((len(table), len(centres)))
        for k, (centre, weight) in enumerate(zip(centres, weights, strict=True)):
            made[:, k] = (table - centre) ** 2 @ weight
        return made

    def width(self, n_columns, centres, weights):
        if centres.shape != weights.shape:
            raise ValueError(
                f"weights must be of shape {centres.shape}, as centres. Got "
                f"{weights.shape}."
            )
        same_width(n_columns, centres.shape[1], "centres")
        return len(centres)

    def macs(self, n_columns, centres, weights):
        return 3 * centres.size


def gaussian(table, landmarks, width):
    """Gaussian kernel of two tables of standardised columns."""
    distance = (table**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1)
    distance -= 2 * table @ landmarks.T
    np.maximum(distance, 0, out=distance)
    # Two rows of d standardised columns are sqrt(2 d) apart on average.
    distance /= -2 * table.shape[1] * width**2
    return np.exp(distance, out=distance)
