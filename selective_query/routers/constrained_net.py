"""Training of the constrained router's net, in torch; the result is plain arrays."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from selective_query.routers.primal_dual import minimise_constrained


def train_net(
    columns,
    label,
    weight,
    *,
    train,
    held_out,
    coverage,
    hidden,
    n_steps,
    batch_size,
    learning_rate,
    dual_learning_rate,
    weight_decay,
    seed,
):
    """Train a net whose sign queries where a query gains, at this coverage.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Standardised.
    label, weight : ndarray of shape (n_samples,)
        What a query gains, in [0, 1], and sample weights.
    train, held_out : ndarray of int
        Rows that move the weights, and rows that move the multiplier.
    coverage : float
        Least share of rows with a score of at most zero.

    Returns
    -------
    layers : list of (weight, bias)
        Arrays of shape (n_in, n_out) and (n_out,), batch norm folded in.
    multiplier : float
    history : History
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = torch.as_tensor(columns, dtype=torch.float32)
        o = torch.as_tensor(label, dtype=torch.float32)
        w = torch.as_tensor(weight / weight[train].mean(), dtype=torch.float32)
        net = _make_net(x.shape[1], hidden)
        batches = _Batches(torch.as_tensor(train), batch_size)
        held = torch.as_tensor(held_out)
        x_held = x[held]
        share = w[held] / w[held].sum()

        def terms(step):
            rows = batches.next()
            score = net(x[rows])[:, 0]
            gain_missed = (w[rows] * o[rows] * softplus(-score)).mean()
            return gain_missed, (w[rows] * softplus(score)).mean()

        @torch.no_grad()
        def violation():
            net.eval()
            queried = (net(x_held)[:, 0] > 0).float()
            net.train()
            return float(share @ queried) - (1 - coverage)

        multiplier, history = minimise_constrained(
            list(net.parameters()),
            terms,
            violation,
            n_steps=n_steps,
            learning_rate=learning_rate,
            dual_learning_rate=dual_learning_rate,
            weight_decay=weight_decay,
        )
    return _fold(net), multiplier, history


class _Batches:
    """Endless shuffled batches of row numbers; a small rest is left for next time."""

    def __init__(self, rows, size):
        self.rows = rows
        self.size = min(size, len(rows))
        self.queue = rows[:0]

    def next(self):
        if len(self.queue) < self.size:
            self.queue = self.rows[torch.randperm(len(self.rows))]
        batch, self.queue = self.queue[: self.size], self.queue[self.size :]
        return batch


def _make_net(n_in, hidden):
    layers = []
    for width in hidden:
        layers += [nn.Linear(n_in, width), nn.BatchNorm1d(width), nn.ReLU()]
        n_in = width
    return nn.Sequential(*layers, nn.Linear(n_in, 1))


def _fold(net):
    """Weights and biases as arrays, each batch norm folded into its linear layer."""
    folded = []
    modules = list(net)
    for i, module in enumerate(modules):
        if not isinstance(module, nn.Linear):
            continue
        weight = module.weight.detach().double().numpy().T
        bias = module.bias.detach().double().numpy()
        if i + 1 < len(modules):
            norm = modules[i + 1]
            spread = np.sqrt(norm.running_var.double().numpy() + norm.eps)
            gain = norm.weight.detach().double().numpy() / spread
            shift = norm.bias.detach().double().numpy()
            bias = (bias - norm.running_mean.double().numpy()) * gain + shift
            weight = weight * gain
        folded.append((weight, bias))
    return folded
