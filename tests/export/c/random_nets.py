"""Small random nets of layers that int8 C supports."""

import torch
from torch import nn

from selective_query.nets._blocks import SqueezeExcite

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.Sigmoid, nn.Hardsigmoid,
               nn.Identity, nn.Dropout)  # fmt: skip


class Residual(nn.Module):
    """The sum, or the concatenation, of the input and output of layers."""

    def __init__(self, layers, *, joins):
        super().__init__()
        self.layers, self.joins = layers, joins

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1) if self.joins else x + self.layers(x)


class Means(nn.Module):
    """The mean over all positions."""

    def __init__(self, n_axes):
        super().__init__()
        self.dims = tuple(range(2, 2 + n_axes))

    def forward(self, x):
        return x.mean(self.dims)


def random_net(rng):
    """Return a random net and the shape of its inputs.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    nn.Module
    tuple of int
    """
    torch.manual_seed(int(rng.integers(2**31)))
    n_axes = int(rng.integers(3))
    shape = (int(rng.integers(1, 5)), *map(int, rng.integers(9, 16, n_axes)))
    net = nn.Sequential(*_parts(rng, n_axes, shape[0]))
    ends = [nn.Flatten()] if rng.random() < 0.5 or not n_axes else [Means(n_axes)]
    with torch.no_grad():
        n_features = nn.Sequential(net, *ends)(torch.zeros(2, *shape)).shape[1]
    if rng.random() < 0.3:
        ends += [nn.Linear(n_features, 6), nn.ReLU()]
        n_features = 6
    return nn.Sequential(net, *ends, nn.Linear(n_features, 3)), shape


def _parts(rng, n_axes, n):
    layers = []
    for place in range(int(rng.integers(1, 4))):
        layer, n = _layer(rng, n_axes, n, first=place == 0)
        layers += [*layer, _activation(rng)]
    return layers


def _activation(rng):
    return ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()


def _layer(rng, n_axes, n, first):
    kind = rng.integers(5)
    if not n_axes:
        wide = int(rng.integers(2, 12))
        return [nn.Linear(n, wide)], wide
    if first or kind < 2:
        return _convolution(rng, n_axes, n)
    if kind == 2:
        inner, _ = _convolution(rng, n_axes, n, keeps=True)
        joins = bool(rng.integers(2))
        return [Residual(nn.Sequential(*inner), joins=joins)], n * (1 + joins)
    if kind == 3:
        pools = {1: (nn.MaxPool1d, nn.AvgPool1d), 2: (nn.MaxPool2d, nn.AvgPool2d)}
        pool = pools[n_axes][rng.integers(2)]
        padding = int("Max" in pool.__name__ and rng.integers(2))
        return [pool(2, int(rng.integers(1, 3)), padding)], n
    return ([SqueezeExcite(n)] if n_axes == 2 else []), n


def _convolution(rng, n_axes, n, *, keeps=False):
    make, norm = {
        1: (nn.Conv1d, nn.BatchNorm1d), 2: (nn.Conv2d, nn.BatchNorm2d),
    }[n_axes]  # fmt: skip
    kernel, dilation = int(rng.choice([1, 2, 3, 5])), int(rng.integers(1, 3))
    groups = int(rng.choice([1, 1, n]))
    wide = n if keeps else groups * int(rng.integers(1, 4))
    if keeps or (kernel - 1) * dilation > 3:
        kernel, dilation = int(rng.choice([1, 3])), 1
    stride, padding = (1, "same") if keeps else (int(rng.integers(1, 3)), kernel // 2)
    layer = make(n, wide, kernel, stride, padding, dilation, groups,
                 bias=bool(rng.integers(2)))  # fmt: skip
    return [layer, norm(wide)] if rng.random() < 0.5 else [layer], wide
