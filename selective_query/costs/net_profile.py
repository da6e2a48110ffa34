"""What a torch net costs: operations, parameters, and memory at its peak."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx, nn

from selective_query.costs.fitting import RESERVED_BYTES, memory_report
from selective_query.costs.liveness import (
    COMPUTING,
    UNCOUNTED_CALLS,
    VIEWS,
    module_of,
    peak_elements,
)

BYTES_OF_BIAS = 4


@dataclass(frozen=True)
class LayerProfile:
    """One layer that computes.

    Parameters
    ----------
    name : str
        As in ``named_modules()``.
    kind : str
    macs, weights, biases : int
        With a bias for each output channel, where batch norm leaves one.
    output_shape : tuple of int
        Of one input.
    """

    name: str
    kind: str
    macs: int
    weights: int
    biases: int
    output_shape: tuple


@dataclass(frozen=True)
class NetProfile:
    """What a net costs for one input.

    Parameters
    ----------
    macs, weights, biases : int
        Of convolutions and linear layers, after batch norm was folded into them.
    peak_elements : int
        Numbers that are alive at once, at most. Batch norm and an activation right
        after a convolution or linear layer are part of it; all else has memory of its
        own.
    peak_elements_in_place : int
        The same where activations, and depthwise convolutions channel by channel, take
        the place of an input that nothing else needs, as TinyEngine does.
    layers : tuple of LayerProfile
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
    def operations(self):
        """The multiply-accumulates; a net compares nothing."""
        return self.macs

    def flash_bytes(self, bits=8):
        """Bytes of weights at so many bits, and of biases at 4 bytes each."""
        return self.weights * bits // 8 + BYTES_OF_BIAS * self.biases

    def sram_bytes(self, bits=8, *, in_place=True):
        """Bytes of activations at the peak."""
        peak = self.peak_elements_in_place if in_place else self.peak_elements
        return peak * bits // 8

    def fits(self, device, *, bits=8, in_place=True, reserved_bytes=RESERVED_BYTES):
        """Whether a device holds the net, and with how much room to spare.

        Parameters
        ----------
        device : Device
        bits : int, default=8
        in_place : bool, default=True
        reserved_bytes : int, default=32768
            Of each memory, for the program and all else.

        Returns
        -------
        FitReport
        """
        return memory_report(
            device,
            self.flash_bytes(bits),
            self.sram_bytes(bits, in_place=in_place),
            bits=bits,
            reserved_bytes=reserved_bytes,
        )

    def after(self, step):
        """The net behind a step of a pipeline, an EstimatorProfile."""
        return replace(
            self,
            macs=step.macs + self.macs,
            weights=step.weights + self.weights,
            biases=step.constants + self.biases,
            peak_elements=max(step.peak_elements, self.peak_elements),
            peak_elements_in_place=max(step.peak_elements, self.peak_elements_in_place),
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
    >>> from selective_query.costs.net_profile import profile_net
    >>> from selective_query.nets import ConvNet
    >>> profile = profile_net(ConvNet(10, (16, 32)), (3, 32, 32))
    >>> profile.macs
    405824
    """
    try:
        # A copy: tracing shares modules, and a run would move batch norm's statistics.
        copied = copy.deepcopy(net).eval()
        graph = fx.GraphModule(copied, _Tracer().trace(copied))
    except Exception as error:
        raise ValueError(
            f"{type(net).__name__} cannot be traced by torch.fx, so its memory cannot "
            f"be counted: {error}. Avoid branches and len() that depend on values or "
            "shapes in forward."
        ) from error
    _refuse_unknown(graph)
    shapes = _Shapes(graph).of(torch.zeros(1, *input_shape))
    layers = tuple(_layers(graph, shapes))
    return NetProfile(
        macs=sum(layer.macs for layer in layers),
        weights=sum(layer.weights for layer in layers),
        biases=sum(layer.biases for layer in layers),
        peak_elements=peak_elements(graph, shapes, in_place=False),
        peak_elements_in_place=peak_elements(graph, shapes, in_place=True),
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
    for head in (fitted.head, fitted.second):
        if head is not None:
            n_features = next(head.parameters()).shape[1]
            found = _with_head(found, profile_net(nn.Sequential(head), (n_features,)))
    return found


def _new_module(estimator):
    """The module as it is before training, without a trace in torch's generators."""
    made = estimator.module
    if isinstance(made, nn.Module):
        return made
    of_skorch = getattr(estimator, "get_params_for", None)
    with torch.random.fork_rng():
        return made() if of_skorch is None else made(**of_skorch("module"))


def _with_head(net, head):
    """A net and a head that runs after it, while the logits are kept."""
    n_logits = net.layers[-1].output_shape[-1]
    summed = ("macs", "weights", "biases", "layers")
    peaks = ("peak_elements", "peak_elements_in_place")
    return NetProfile(
        **{name: getattr(net, name) + getattr(head, name) for name in summed},
        **{
            name: max(getattr(net, name), getattr(head, name) + n_logits)
            for name in peaks
        },
    )


def _refuse_unknown(graph):
    """Raise ValueError where weights would not be counted."""
    counted = {
        id(parameter)
        for module in graph.modules()
        if isinstance(module, (*COMPUTING, nn.BatchNorm1d, nn.BatchNorm2d))
        for parameter in module.parameters(recurse=False)
    }
    unknown = [n for n, p in graph.named_parameters() if id(p) not in counted]
    unknown += [
        node.name for node in graph.graph.nodes if node.target in UNCOUNTED_CALLS
    ]
    if unknown:
        raise ValueError(
            "profile_net counts convolutions, linear layers and batch norm. It does "
            f"not know what {', '.join(unknown[:5])} cost. Measure the net on the "
            "device, and give Deployment(base_ms=...)."
        )


class _Tracer(fx.Tracer):
    """Keeps layers whole, also those that descend from torch's, as integer ones do."""

    def is_leaf_module(self, module, name):
        is_layer = isinstance(module, (*COMPUTING, *VIEWS))
        return is_layer or super().is_leaf_module(module, name)


class _Shapes(fx.Interpreter):
    """The shape of each node's output, for one input."""

    def of(self, x):
        self.shapes = {}
        with torch.no_grad():
            self.run(x)
        return self.shapes

    def run_node(self, node):
        found = super().run_node(node)
        if isinstance(found, torch.Tensor):
            self.shapes[node] = tuple(found.shape)
        return found


def _layers(graph, shapes):
    seen = set()
    for node in graph.graph.nodes:
        module = module_of(graph, node)
        if not isinstance(module, COMPUTING):
            continue
        n_out = module.weight.shape[0]
        is_new = id(module.weight) not in seen
        seen.add(id(module.weight))
        yield LayerProfile(
            str(node.target),
            type(module).__name__,
            module.weight.numel() * (int(np.prod(shapes[node])) // n_out),
            module.weight.numel() * is_new,
            n_out * is_new,
            shapes[node][1:],
        )
