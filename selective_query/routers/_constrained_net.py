"""The constrained router's net in torch: layers, training problem, exported weights."""

import math
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

try:
    import torch
    from torch import nn
    from torch.nn.functional import softplus
except ImportError as error:
    raise ImportError(
        "ConstrainedRouter needs torch. Install it with pip install torch."
    ) from error

from selective_query._utils.torch_random import own_random_numbers

LOG_2 = math.log(2)
# Batch normalisation estimates its moments poorly from fewer rows than this.
SMALLEST_BATCH = 16
# With few rows, use smaller batches, so that the multiplier gets enough steps.
BATCHES_PER_EPOCH = 8
ROWS_AT_ONCE = 4096


class RouterNet(nn.Module):
    """Features pass through layers of their own and are then joined to the confidences.

    Parameters
    ----------
    n_confidence, n_features : int
        Number of columns of the two parts of the inputs, confidences first.
    hidden, head : sequence of int
        Widths of the layers for features alone, and of those after joining.
    dropout : float
    """

    def __init__(self, n_confidence, n_features, hidden, head, dropout):
        super().__init__()
        self.n_confidence = n_confidence
        widths = (n_features, *hidden) if n_features else (0,)
        self.features = _blocks(widths, dropout)
        widths = (n_confidence + widths[-1], *head)
        self.head = _blocks(widths, dropout)
        self.out = nn.Linear(widths[-1], 1, dtype=torch.float32)

    def forward(self, inputs):
        """Scores of shape (n_samples,)."""
        confidence, features = inputs.tensor_split([self.n_confidence], dim=1)
        joined = torch.cat([confidence, self.features(features)], dim=1)
        return self.out(self.head(joined))[:, 0]

    def plain_layers(self):
        """Weights for numpy, with batch normalisation folded into them.

        Returns
        -------
        features, head : list of (ndarray of shape (n_in, n_out), ndarray of (n_out,))
        """
        out = self.out.weight.detach(), self.out.bias.detach()
        return (
            [_to_numpy(*_folded(block)) for block in self.features],
            [_to_numpy(*pair) for pair in [*map(_folded, self.head), out]],
        )


def _blocks(widths, dropout):
    return nn.Sequential(
        *(
            nn.Sequential(
                nn.Linear(n_in, n_out, dtype=torch.float32),
                nn.BatchNorm1d(n_out, dtype=torch.float32),
                nn.ReLU(),
                nn.Dropout(dropout),
            )
            for n_in, n_out in pairwise(widths)
        )
    )


def _folded(block):
    linear, norm = block[0], block[1]
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias.detach() - norm.running_mean * scale
    return (
        linear.weight.detach() * scale[:, None],
        linear.bias.detach() * scale + shift,
    )


def _to_numpy(weight, bias):
    return weight.numpy().T.astype(float), bias.numpy().astype(float)


class CoverageProblem:
    r"""Minimise the missed benefit with at most a given share of queries.

    With score s, label o in [0, 1] and query r = 1{s > 0}, the true objective is
    :math:`E[o(1-r) + \rho(1-o)r]` and the violation is :math:`E[r] - q`. Their
    surrogates replace 1-r by softplus(-s)/log 2 and r by softplus(s)/log 2, which are
    convex upper bounds.

    Parameters
    ----------
    net : RouterNet
    inputs : ndarray of shape (n_samples, n_columns)
    label : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        With mean 1.
    held_out : ndarray of shape (n_samples,), bool
        Rows that the weights are not trained on. The objective is measured on them, or
        on all rows if there are none; the violation is measured on all rows.
    query_rate : float
        Maximum share of queries q.
    needless_query_cost : float
        Cost ρ of a query that gains nothing.
    batch_size : int
    """

    def __init__(
        self,
        net,
        inputs,
        label,
        weight,
        held_out,
        *,
        query_rate,
        needless_query_cost,
        batch_size,
    ):
        self.net = net
        self.inputs, self.label, self.weight = (
            torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))
            for part in (inputs, label, weight)
        )
        self.train = torch.from_numpy(np.flatnonzero(~held_out))
        judged = held_out if held_out.any() else ~held_out
        self.judged = torch.from_numpy(np.flatnonzero(judged))
        self.query_rate = query_rate
        self.needless_query_cost = needless_query_cost
        n_train = len(self.train)
        few = max(n_train // BATCHES_PER_EPOCH, SMALLEST_BATCH)
        self.batch_size = min(batch_size, few, n_train)
        self.n_batches = n_train // self.batch_size

    def batches(self):
        """Yield the surrogate objective and violation of each batch."""
        order = self.train[torch.randperm(len(self.train))]
        for rows in order.split(self.batch_size)[: self.n_batches]:
            score, label = self.net(self.inputs[rows]), self.label[rows]
            kept, queried = softplus(-score) / LOG_2, softplus(score) / LOG_2
            objective = self._mean(self._cost(kept, queried, label), rows)
            yield objective, self._mean(queried, rows) - self.query_rate

    def measure(self):
        """Return the true objective and violation."""
        score = torch.cat([self.net(p) for p in self.inputs.split(ROWS_AT_ONCE)])
        queried = (score > 0).float()
        cost = self._cost(1 - queried, queried, self.label)
        objective = self._average(cost, self.judged)
        return objective, self._honest_mean(queried) - self.query_rate

    def _honest_mean(self, values):
        """Mean over all rows, corrected for overfitting that exceeds chance.

        The held-out rows are few, so their mean is noisy; the weights were trained on
        the others. The mean is corrected by the amount that the two differ beyond one
        standard error.
        """
        learned = self._average(values, self.train)
        honest = self._average(values, self.judged)
        share = len(self.train) / len(values)
        mean = share * learned + (1 - share) * honest
        noise = math.sqrt(mean * (1 - mean) / (share * len(self.judged)))
        gap = honest - learned
        return mean + share * (gap - min(max(gap, -noise), noise))

    def _average(self, values, rows):
        weight = self.weight[rows]
        return (values[rows] @ weight / weight.sum()).item()

    def _cost(self, kept, queried, label):
        return label * kept + self.needless_query_cost * (1 - label) * queried

    def _mean(self, values, rows):
        return (values * self.weight[rows]).mean()


@contextmanager
def seeded(seed):
    """Seed torch's random numbers, and restore the caller's state afterwards.

    Uses one thread: a net this small gains nothing from more, and loses much if other
    processes use the cores.
    """
    with own_random_numbers(seed, devices=[]):
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
