"""What a torch net costs: operations, parameters, and memory at its peak."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

try:
    import torch
    from torch import nn
except ImportError as error:
    raise ImportError(
        "Profiles of nets need torch. Install it with pip install torch."
    ) from error

from selective_query._utils.numbers import check_whole
from selective_query._utils.torch_random import own_random_numbers
from selective_query.footprint._layer_forms import layer_form
from selective_query.footprint._liveness import (
    COMPUTING,
    NORMS,
    live_elements,
    module_of,
    output_shapes,
)
from selective_query.footprint._tracing import traced
from selective_query.footprint.report import RESERVED_BYTES, footprint_report

BYTES_OF_BIAS = 4


@dataclass(frozen=True)
class LayerProfile:
    """One layer that computes.

    Parameters
    ----------
    name : str
        As in ``named_modules()``.
    kind : str
        Class of the layer.
    form : {"convolution", "stem", "pointwise", "depthwise", "linear"}
        What it computes: a stem is a convolution of at most four channels, as of an
        image, and a pointwise one reads one position at a time.
    macs, weights, biases : int
        A bias for each output channel, where the layer has one or a batch norm right
        after it leaves one. Numbers that an earlier layer shares are counted there.
    output_shape : tuple of int
        Of one input.
    live_elements : int
        Numbers that are alive while the layer runs: its input, its output, and what
        later layers still need. ``NetProfile.peak_elements`` is at least the largest
        of them, and larger where the peak is at an addition or pooling between layers.
    live_elements_in_place : int
        The same by the model of ``NetProfile.peak_elements_in_place``; of a depthwise
        convolution with the one channel that it keeps beside.
    """

    name: str
    kind: str
    form: str
    macs: int
    weights: int
    biases: int
    output_shape: tuple
    live_elements: int
    live_elements_in_place: int


@dataclass(frozen=True)
class NetProfile:
    """What a net costs for one input.

    Parameters
    ----------
    macs, weights, biases : int
        Of convolutions and linear layers, after batch norm was folded into them. A
        batch norm that follows no layer of its own adds a scale and a shift for each
        channel to the biases.
    peak_elements : int
        Numbers that are alive at once, at most. Batch norm and an activation right
        after a convolution or linear layer are part of it, and a slice or chunk lies
        in what it was cut from; all else has memory of its own.
    peak_elements_in_place : int
        The same where activations, and depthwise convolutions channel by channel, take
        the place of an input that nothing else needs, as TinyEngine does.
    layers : tuple of LayerProfile
        Convolutions and linear layers, in the order in which they run.
    """

    macs: int
    weights: int
    biases: int
    peak_elements: int
    peak_elements_in_place: int
    layers: tuple

    @property
    def parameters(self):
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def macs_by_form(self):
        """Multiply-accumulates of each kind of layer, for ``Device.plain_macs``."""
        found = dict.fromkeys((layer.form for layer in self.layers), 0)
        for layer in self.layers:
            found[layer.form] += layer.macs
        return found

    @property
    def operations(self):
        """The multiply-accumulates; a net compares nothing."""
        return self.macs

    def flash_bytes(self, bits=8):
        """Bytes of weights, and of biases at 4 bytes each.

        Parameters
        ----------
        bits : int, default=8
            Of a weight.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        return self.weights * bits // 8 + BYTES_OF_BIAS * self.biases

    def sram_bytes(self, bits=8, *, in_place=True):
        """Bytes of activations at the peak.

        Parameters
        ----------
        bits : int, default=8
            Of an activation.
        in_place : bool, default=True
            Whether layers write into an input that nothing else needs.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        peak = self.peak_elements_in_place if in_place else self.peak_elements
        return peak * bits // 8

    def fits(self, device, *, bits=8, in_place=True, reserved_bytes=RESERVED_BYTES):
        """Whether a device holds the net, and with how much room to spare.

        Parameters
        ----------
        device : Device
        bits : int, default=8
            Of a weight and of an activation.
        in_place : bool, default=True
            Whether layers write into an input that nothing else needs.
        reserved_bytes : int, default=32768
            Of each memory, for the program and all else.

        Returns
        -------
        FootprintReport

        Raises
        ------
        TypeError
            When `device` is something else, as its name.
        """
        return footprint_report(
            device,
            self.flash_bytes(bits),
            self.sram_bytes(bits, in_place=in_place),
            bits=bits,
            reserved_bytes=reserved_bytes,
        )

    def after(self, step):
        """The net behind a step of a pipeline.

        Parameters
        ----------
        step : EstimatorProfile

        Returns
        -------
        NetProfile
        """
        return replace(
            self,
            macs=step.macs + self.macs,
            weights=step.weights + self.weights,
            biases=step.constants + self.biases,
            peak_elements=max(step.peak_elements, self.peak_elements),
            peak_elements_in_place=max(step.peak_elements, self.peak_elements_in_place),
        )

    def twice(self, n_inputs):
        """Two runs of the net, on two views of an input that stays in memory.

        Parameters
        ----------
        n_inputs : int
            Numbers of the input.

        Returns
        -------
        NetProfile
        """
        n_outputs = prod(self.layers[-1].output_shape)
        kept = n_inputs + n_outputs
        return replace(
            self,
            macs=2 * self.macs + n_outputs,
            peak_elements=self.peak_elements + kept,
            peak_elements_in_place=self.peak_elements_in_place + kept,
            layers=2 * self.layers,
        )


def profile_net(net, input_shape):
    """Count what a net costs for one input.

    The net is traced symbolically and run once on zeros.

    Parameters
    ----------
    net : nn.Module
        That ``torch.fx`` can trace: no branches on values.
    input_shape : tuple of int
        Of one input, without the batch axis.

    Returns
    -------
    NetProfile

    Raises
    ------
    ValueError
        When the net cannot be traced, or has weights of other kinds than convolutions,
        linear layers and batch norm.

    Examples
    --------
    >>> from selective_query.footprint.net_profile import profile_net
    >>> from selective_query.nets import ConvNet
    >>> profile = profile_net(ConvNet(10, (16, 32)), (3, 32, 32))
    >>> profile.macs
    405824
    """
    graph = traced(net)
    shapes = output_shapes(graph, torch.zeros(1, *input_shape))
    apart = live_elements(graph, shapes, in_place=False)
    in_place = live_elements(graph, shapes, in_place=True)
    folded, other_norms = _norms(graph)
    layers = tuple(_layers(graph, shapes, folded, apart, in_place))
    return NetProfile(
        macs=sum(layer.macs for layer in layers),
        weights=sum(layer.weights for layer in layers),
        biases=sum(layer.biases for layer in layers)
        + sum(2 * norm.num_features for norm in other_norms),
        peak_elements=max(apart.values()),
        peak_elements_in_place=max(in_place.values()),
        layers=layers,
    )


def profile_net_estimator(estimator, input_shape):
    """Profile of the net of a NetClassifier or of a skorch estimator, fitted or not.

    The heads of a fitted NetClassifier's loss, which serve the router, are part of it.

    Parameters
    ----------
    estimator : NetClassifier or skorch.NeuralNet
    input_shape : tuple of int
        Of one input, without the batch axis.

    Returns
    -------
    NetProfile

    Raises
    ------
    ValueError
        As :func:`profile_net`.
    """
    fitted = getattr(estimator, "module_", None)
    if fitted is None:
        return profile_net(_new_module(estimator), input_shape)
    if not hasattr(fitted, "head"):
        return profile_net(fitted, input_shape)
    found = profile_net(fitted.net, input_shape)
    if fitted.head is None and fitted.second is None:
        return found
    heads = _Heads(fitted.head, fitted.second)
    n_features = next(heads.parameters()).shape[1]
    return _with_heads(found, profile_net(heads, (n_features,)))


def _new_module(estimator):
    """The module as it is before training, without a trace in torch's generators."""
    made = estimator.module
    if isinstance(made, nn.Module):
        return made
    of_skorch = getattr(estimator, "get_params_for", None)
    with own_random_numbers():
        return made() if of_skorch is None else made(**of_skorch("module"))


class _Heads(nn.Module):
    """The heads on the same features, whose outputs are all kept."""

    def __init__(self, head, second):
        super().__init__()
        self.head, self.second = head, second

    def forward(self, features):
        return [head(features) for head in (self.head, self.second) if head is not None]


def _with_heads(net, heads):
    """A net and the heads that run after it, while the logits are kept."""
    n_logits = net.layers[-1].output_shape[-1]
    layers = tuple(
        replace(
            layer,
            live_elements=layer.live_elements + n_logits,
            live_elements_in_place=layer.live_elements_in_place + n_logits,
        )
        for layer in heads.layers
    )
    summed = ("macs", "weights", "biases")
    peaks = ("peak_elements", "peak_elements_in_place")
    return NetProfile(
        **{name: getattr(net, name) + getattr(heads, name) for name in summed},
        **{
            name: max(getattr(net, name), getattr(heads, name) + n_logits)
            for name in peaks
        },
        layers=net.layers + layers,
    )


def _norms(graph):
    """Batch norms that become part of layers, by their weights' ids; and the others."""
    folded, others = {}, {}
    for node in graph.graph.nodes:
        norm = module_of(graph, node)
        if not isinstance(norm, NORMS):
            continue
        before = node.all_input_nodes[0]
        layer = module_of(graph, before)
        follows = isinstance(layer, COMPUTING) and len(before.users) == 1
        # A layer that several norms follow in turn can take in only one of them.
        if not (follows and folded.setdefault(id(layer.weight), norm) is norm):
            others[id(norm)] = norm
    return folded, others.values()


def _layers(graph, shapes, folded, apart, in_place):
    seen = set()
    for node in graph.graph.nodes:
        module = module_of(graph, node)
        if not isinstance(module, COMPUTING):
            continue
        n_out = module.weight.shape[0]
        weight, bias = id(module.weight), id(module.bias)
        has_bias = module.bias is not None
        if not has_bias and weight in folded:
            has_bias, bias = True, ("left by batch norm", weight)
        yield LayerProfile(
            name=str(node.target),
            kind=type(module).__name__,
            form=layer_form(module),
            macs=module.weight.numel() * (int(np.prod(shapes[node])) // n_out),
            weights=module.weight.numel() * (weight not in seen),
            biases=n_out * (has_bias and bias not in seen),
            output_shape=shapes[node][1:],
            live_elements=apart[node],
            live_elements_in_place=in_place[node],
        )
        seen |= {weight, bias}
