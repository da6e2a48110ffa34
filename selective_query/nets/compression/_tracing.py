"""Trace a net to a graph of layers, and wrap a net as a classifier again."""

import copy

from torch import fx, nn
from torch.nn.utils import skip_init

from selective_query._utils.torch_random import own_random_numbers
from selective_query.footprint._liveness import (
    COMPUTING,
    NORMS,
    UNCOUNTED_CALLS,
    is_call_of,
)
from selective_query.nets.compression.integer_layers import IntegerLayer
from selective_query.nets.training._routed_net import RoutedNet
from selective_query.nets.training.net_classifier import NetClassifier


def trace(net):
    """Trace a net whose weights are all in layers called exactly once.

    Parameters
    ----------
    net : nn.Module

    Returns
    -------
    torch.fx.GraphModule
        In evaluation mode. It shares its modules with the net.

    Raises
    ------
    ValueError
        If torch.fx cannot trace the net, or a weight is not in a supported layer.
    """
    name = type(net).__name__
    if any(isinstance(module, IntegerLayer) for module in net.modules()):
        raise ValueError(
            "The net is already quantised and cannot be changed further. Prune, tune "
            "and quantise the net that it was made from."
        )
    if isinstance(net, COMPUTING):
        raise ValueError(
            f"The net is a single {name}. Put it into a container before training: "
            "nn.Sequential(layer)."
        )
    try:
        graph = fx.symbolic_trace(net)
    except Exception as error:
        raise ValueError(
            f"{name} cannot be traced by torch.fx: {error}. Avoid branches and len() "
            "that depend on values or shapes in forward; a net of this library needs "
            "resolution=None."
        ) from error
    known = {
        module_name
        for module_name, module in net.named_modules()
        if isinstance(module, (*COMPUTING, *NORMS))
    }
    called = [n.target for n in graph.graph.nodes if n.op == "call_module"]
    for layer in sorted(known, key=str):
        if called.count(layer) != 1:
            raise ValueError(
                f"{name} calls its layer {layer!r} {called.count(layer)} times, and "
                "each must be called once. Cut an EarlyExitNet at one of its exits "
                "first: net.up_to(number)."
            )
    unknown = [
        parameter
        for parameter, _ in net.named_parameters()
        if parameter.rpartition(".")[0] not in known
    ]
    unknown += [n.name for n in graph.graph.nodes if is_call_of(n, UNCOUNTED_CALLS)]
    if unknown:
        raise ValueError(
            "Only weights of Conv1d, Conv2d, Linear and batch norm can be compressed. "
            f"{name} has others: {', '.join(unknown[:5])}. Replace these parts, or "
            "compress the net with other tools."
        )
    return graph.eval()


def layer_like(layer, weight, bias, groups=1):
    """Return a layer of the same kind with other weights and their size.

    Parameters
    ----------
    layer : nn.Conv1d, nn.Conv2d or nn.Linear
    weight : tensor of shape (n_out, n_in / groups, ...)
    bias : tensor of shape (n_out,) or None
    groups : int, default=1

    Returns
    -------
    nn.Module
    """
    sizes, form = (weight.shape[1] * groups, len(weight)), {}
    if not isinstance(layer, nn.Linear):
        names = ("kernel_size", "stride", "padding", "dilation", "padding_mode")
        form = {"groups": groups, **{name: getattr(layer, name) for name in names}}
    # Normal construction would draw random weights and advance torch's generator.
    made = skip_init(type(layer), *sizes, bias=bias is not None, **form)
    made.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone())
    return made.eval()


def put(net, name, module):
    """Replace a submodule by its name in ``named_modules()``."""
    parent, _, own = name.rpartition(".")
    setattr(net.get_submodule(parent), own, module)


def check_trained(net):
    """Raise unless `net` is a fitted NetClassifier."""
    if not (isinstance(net, NetClassifier) and hasattr(net, "module_")):
        raise ValueError(
            f"net must be a fitted NetClassifier. Got {type(net).__name__}. Wrap an "
            "already trained torch net: NetClassifier.from_trained(module, classes)."
        )


def rewrapped(classifier, net, features=slice(None)):
    """Put another net into a copy of a classifier, with its loss and router head.

    Parameters
    ----------
    classifier : NetClassifier
        Fitted.
    net : nn.Module
    features : tensor of int or slice, default=slice(None)
        The old features that the new last layer reads.

    Returns
    -------
    NetClassifier
        A shallow copy with another ``module_``.
    """
    old = classifier.module_
    with own_random_numbers():  # The head's initial weights are replaced.
        routed = RoutedNet(net, copy.deepcopy(old.loss), classifier.head_hidden)
    routed.head = _reading(old.head, features)
    routed.second = _reading(old.second, features)
    made = copy.copy(classifier)
    made.module_ = routed.eval()
    return made


def _reading(head, features):
    """Return a copy of a head that reads only the given features."""
    head = copy.deepcopy(head)
    if head is None:
        return None
    first = head if isinstance(head, nn.Linear) else head[0]
    narrow = layer_like(first, first.weight[:, features], first.bias)
    if head is first:
        return narrow
    head[0] = narrow
    return head
