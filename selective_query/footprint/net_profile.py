"""Profiles of torch nets: operations, parameters and peak memory."""

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
    """Profile of a convolution or linear layer.

    Parameters
    ----------
    name : str
        As in ``named_modules()``.
    kind : str
        Class name of the layer.
    form : {"convolution", "stem", "pointwise", "depthwise", "linear"}
        Kind of computation: a stem is a convolution of at most four channels, such as
        those of an image; a pointwise convolution reads one position at a time.
    macs, weights, biases : int
        Counts. Biases include one per output channel if the layer has them, or if a
        batch norm is folded into it. Parameters shared with an earlier layer are
        counted there.
    output_shape : tuple of int
        Output shape for one input.
    live_elements : int
        Numbers that are alive while the layer runs: its input, its output, and what
        later layers still need. ``NetProfile.peak_elements`` is at least their maximum;
        it is larger if the peak is at an addition or pooling between layers.
    live_elements_in_place : int
        The same by the model of ``NetProfile.peak_elements_in_place``; for a depthwise
        convolution, including its scratch of one channel.
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
    """Operations and memory of a net for one input.

    Parameters
    ----------
    macs, weights, biases : int
        Counts over convolutions and linear layers, with batch norm folded in. A batch
        norm that cannot be folded adds a scale and a shift per channel to the biases.
    peak_elements : int
        Maximum of the numbers alive at once. A batch norm and an activation directly
        after a convolution or linear layer are fused with it, and slices and chunks are
        views; every other output has its own memory.
    peak_elements_in_place : int
        The same, but activations, and depthwise convolutions channel by channel,
        overwrite an input that nothing else needs, as in TinyEngine.
    layers : tuple of LayerProfile
        Convolutions and linear layers, in execution order.
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
        """Multiply-accumulates by kind of layer, for ``Device.plain_macs``."""
        found = dict.fromkeys((layer.form for layer in self.layers), 0)
        for layer in self.layers:
            found[layer.form] += layer.macs
        return found

    @property
    def operations(self):
        """The multiply-accumulates; a net needs no comparisons."""
        return self.macs

    def flash_bytes(self, bits=8):
        """Return the bytes of weights, and of biases at 4 bytes each.

        Parameters
        ----------
        bits : int, default=8
            Bits per weight.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        return self.weights * bits // 8 + BYTES_OF_BIAS * self.biases

    def sram_bytes(self, bits=8, *, in_place=True):
        """Return the peak bytes of activations.

        Parameters
        ----------
        bits : int, default=8
            Bits per activation.
        in_place : bool, default=True
            Whether layers may overwrite an input that nothing else needs.

        Returns
        -------
        int
        """
        bits = check_whole(bits, "bits", 1)
        peak = self.peak_elements_in_place if in_place else self.peak_elements
        return peak * bits // 8

    def fits(self, device, *, bits=8, in_place=True, reserved_bytes=RESERVED_BYTES):
        """Report whether the net fits a device, and how much memory is left.

        Parameters
        ----------
        device : Device
        bits : int, default=8
            Bits per weight and per activation.
        in_place : bool, default=True
            Whether layers may overwrite an input that nothing else needs.
        reserved_bytes : int, default=32768
            Bytes of each memory reserved for the program and everything else.

        Returns
        -------
        FootprintReport

        Raises
        ------
        TypeError
            If `device` is not a Device, for example only a name.
        """
        return footprint_report(
            device,
            self.flash_bytes(bits),
            self.sram_bytes(bits, in_place=in_place),
            bits=bits,
            reserved_bytes=reserved_bytes,
        )

    def after(self, step):
        """Return the profile of a pipeline step followed by the net.

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
        """Return the profile of two runs of the net on two views of an input.

        The input stays in memory.

        Parameters
        ----------
        n_inputs : int
            Number of elements of the input.

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
    """Count operations and memory of a net for one input.

    The net is traced symbolically and run once on zeros.

    Parameters
    ----------
    net : nn.Module
        Must be traceable by ``torch.fx``: no branches on values.
    input_shape : tuple of int
        Shape of one input, without the batch axis.

    Returns
    -------
    NetProfile

    Raises
    ------
    ValueError
        If the net cannot be traced, or has weights outside convolutions, linear
        layers and batch norm.

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
    """Profile the net of a NetClassifier or of a skorch estimator, fitted or not.

    The router heads of a fitted NetClassifier are included.

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
        As in :func:`profile_net`.
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
    """Create the untrained module without advancing torch's random generators."""
    made = estimator.module
    if isinstance(made, nn.Module):
        return made
    of_skorch = getattr(estimator, "get_params_for", None)
    with own_random_numbers():
        return made() if of_skorch is None else made(**of_skorch("module"))


class _Heads(nn.Module):
    """The heads on the same features; all their outputs stay in memory."""

    def __init__(self, head, second):
        super().__init__()
        self.head, self.second = head, second

    def forward(self, features):
        return [head(features) for head in (self.head, self.second) if head is not None]


def _with_heads(net, heads):
    """Add the heads that run after a net while its logits stay in memory."""
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
    """Return the batch norms folded into layers, by weight id, and the others."""
    folded, others = {}, {}
    for node in graph.graph.nodes:
        norm = module_of(graph, node)
        if not isinstance(norm, NORMS):
            continue
        before = node.all_input_nodes[0]
        layer = module_of(graph, before)
        follows = isinstance(layer, COMPUTING) and len(before.users) == 1
        # Only one of several norms after the same layer can be folded into it.
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
