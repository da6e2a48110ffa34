"""Structured pruning: remove the weakest channels of a net."""

import copy
from dataclasses import dataclass

import torch

from selective_query._utils.numbers import check_number, is_number
from selective_query.footprint._liveness import COMPUTING, NORMS
from selective_query.footprint.net_profile import profile_net
from selective_query.nets.compression._channels import channel_groups
from selective_query.nets.compression._tracing import (
    check_trained,
    layer_like,
    put,
    rewrapped,
    trace,
)
from selective_query.nets.compression.folding import fold_batch_norm
from selective_query.nets.training._routed_net import last_linear

HALVINGS = 20
ALL = slice(None)


def prune(net, keep=0.5):
    """Remove the channels with the smallest weights from a trained net.

    The same share is removed from every layer except the last. The strength of a
    channel is the L1 norm of its filter, with the following batch norm folded in, which
    scales its output. Channels that are tied, by a residual sum, a gate or a depthwise
    convolution, are removed together; their norms, each relative to its layer's mean,
    are added up. The pruned net computes exactly what the net would if those channels
    were zero.

    The pruned net loses accuracy until it is fine-tuned. A fit of a clone starts from
    the remaining weights::

        small = clone(prune(net, 0.5)).set_params(loss="distillation", n_epochs=5)
        small.fit(X, y, global_proba=net.predict_proba(X))

    Parameters
    ----------
    net : NetClassifier
        Fitted, or ``NetClassifier.from_trained(module, classes)``.
    keep : float, default=0.5
        Share of the channels to keep, in (0, 1]; at least one per layer.
        :func:`keep_within` finds it for a limit of operations.

    Returns
    -------
    NetClassifier
        With a narrower module of the same type, and the same loss and router head. It
        is not trained further.

    Raises
    ------
    ValueError
        If `net` is not fitted, cannot be traced, or contains a part, named in the
        message, through which channels cannot be followed.

    References
    ----------
    Li, Kadav, Durdanovic, Samet and Graf, "Pruning filters for efficient ConvNets",
    ICLR 2017, for the norm. Liu et al., "Learning efficient convolutional networks
    through network slimming", ICCV 2017, for the role of batch norm. Fang, Ma, Song, Bi
    Mi and Wang, "DepGraph: towards any structural pruning", CVPR 2023, for tied
    channels.

    Examples
    --------
    >>> from selective_query.nets.compression import prune
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import NetClassifier
    >>> net = NetClassifier.from_trained(ConvNet(10, (16, 32)), range(10))
    >>> prune(net, 0.5).module_.net.classifier
    Linear(in_features=16, out_features=10, bias=True)
    """
    check_trained(net)
    module = net.module_.net
    plan = _Channels(module).plan(keep)
    last = last_linear(module)
    name = next(name for name, layer in module.named_modules() if layer is last)
    made = rewrapped(net, _narrowed(module, plan), plan.inputs[name])
    return made.set_params(module=_narrowed(module, plan))


def kept_channels(net, keep=0.5):
    """Return the output channels that :func:`prune` would keep in each layer.

    Parameters
    ----------
    net : NetClassifier
        Fitted.
    keep : float, default=0.5
        Share of the channels to keep, in (0, 1].

    Returns
    -------
    dict of str to ndarray of int
        Names of convolutions and linear layers, with the sorted indices of their
        channels.
    """
    check_trained(net)
    module = net.module_.net
    outputs = _Channels(module).plan(keep).outputs
    return {
        name: torch.arange(len(layer.weight))[outputs[name]].numpy()
        for name, layer in module.named_modules()
        if isinstance(layer, COMPUTING)
    }


def keep_within(net, max_macs, input_shape):
    """Return the largest share of channels within a limit of operations.

    Parameters
    ----------
    net : NetClassifier
        Fitted.
    max_macs : int
        Maximum multiply-accumulates per input.
    input_shape : tuple of int
        Shape of one input, without the batch axis.

    Returns
    -------
    float
        Value for `keep` of :func:`prune`.

    Raises
    ------
    ValueError
        If max_macs is not a number, or one channel per layer exceeds it.

    Examples
    --------
    >>> from selective_query.nets.compression import keep_within, prune
    >>> from selective_query.footprint.net_profile import profile_net
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import NetClassifier
    >>> net = NetClassifier.from_trained(ConvNet(10, (16, 32)), range(10))
    >>> small = prune(net, keep_within(net, 100_000, (3, 32, 32)))
    >>> profile_net(small.module_.net, (3, 32, 32)).macs <= 100_000
    True
    """
    check_trained(net)
    max_macs = check_number(max_macs, "max_macs")
    module = net.module_.net
    channels, profile = _Channels(module), profile_net(module, input_shape)

    def macs(keep):
        plan = channels.plan(keep)
        return sum(
            layer.macs * plan.n_weights(layer.name, module) // layer.weights
            for layer in profile.layers
        )

    low, high = 1e-6, 1.0
    least = macs(low)
    if least > max_macs:
        raise ValueError(
            f"max_macs={max_macs} cannot be met: one channel in each layer takes "
            f"{least}. Allow more, or choose another net or a smaller input."
        )
    if macs(high) <= max_macs:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if macs(middle) <= max_macs else (low, middle)
    return low


@dataclass(frozen=True)
class _Plan:
    """Indices of the channels to keep, or ALL, by layer name."""

    outputs: dict
    inputs: dict

    def n_weights(self, name, net):
        """Return the number of weights that a layer keeps."""
        weight = net.get_submodule(name).weight
        return weight[self.outputs[name]][:, self.inputs.get(name, ALL)].numel()


class _Channels:
    """The channels of a net, with their strengths."""

    def __init__(self, net):
        self.groups, self.strength = channel_groups(trace(net)), _strengths(net)

    def plan(self, keep):
        """Choose the channels to keep for a share."""
        if not (is_number(keep) and 0 < keep <= 1):
            raise ValueError(f"keep must be a share in (0, 1]. Got {keep!r}.")
        plan = _Plan({}, {})
        for group in self.groups:
            kept = self._strongest(group, keep)
            for name in (*group.made_by, *group.depthwise, *group.norms):
                plan.outputs[name] = kept
            for name, repeat in group.read_by:
                plan.inputs[name] = _repeated(kept, repeat)
        return plan

    def _strongest(self, group, keep):
        if group.fixed:
            return ALL
        layers = (*group.made_by, *group.depthwise)
        total = sum(self.strength[name] for name in layers)
        n_kept = max(1, round(keep * group.n))
        return total.argsort(descending=True, stable=True)[:n_kept].sort().values


def _repeated(kept, repeat):
    """Return the indices of a layer's inputs, several per channel."""
    if kept is ALL or repeat == 1:
        return kept
    return (kept[:, None] * repeat + torch.arange(repeat)).flatten()


def _strengths(net):
    """Return L1 norms of filters with batch norm folded in, by layer; mean 1."""
    found = {}
    for name, layer in fold_batch_norm(net).named_modules():
        if isinstance(layer, COMPUTING):
            norm = layer.weight.detach().abs().flatten(1).sum(1)
            found[name] = norm / norm.mean().clamp(min=torch.finfo(norm.dtype).tiny)
    return found


def _narrowed(net, plan):
    """Return a copy of a net with only the channels of a plan."""
    # Layers are rebuilt; copying them would also copy their hooks.
    layers = {
        name: layer
        for name, layer in net.named_modules()
        if isinstance(layer, (*COMPUTING, *NORMS))
    }
    memo = {id(layer): torch.nn.Identity() for layer in layers.values()}
    narrow = copy.deepcopy(net, memo)
    for name, layer in layers.items():
        make = _narrow_norm if isinstance(layer, NORMS) else _narrow_layer
        put(narrow, name, make(layer, plan.outputs[name], plan.inputs.get(name, ALL)))
    return narrow


def _narrow_layer(layer, outputs, inputs):
    weight = layer.weight[outputs][:, inputs]
    bias = None if layer.bias is None else layer.bias[outputs]
    is_depthwise = getattr(layer, "groups", 1) > 1
    return layer_like(layer, weight, bias, len(weight) if is_depthwise else 1)


def _narrow_norm(norm, outputs, _):
    narrow = copy.deepcopy(norm)
    for values in (narrow.weight, narrow.bias, narrow.running_mean, narrow.running_var):
        if values is not None:
            values.data = values.data[outputs].clone()
            narrow.num_features = len(values)
    return narrow
