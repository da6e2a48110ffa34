"""Trace a net to a graph whose calls can all be counted."""

import copy

from torch import fx

from selective_query.footprint._liveness import (
    COMPUTING,
    NORMS,
    UNCOUNTED_CALLS,
    VIEWS,
    is_call_of,
)


def traced(net):
    """Trace a copy of a net.

    Parameters
    ----------
    net : nn.Module

    Returns
    -------
    torch.fx.GraphModule
        In evaluation mode.

    Raises
    ------
    ValueError
        If the net cannot be traced, or has weights that would not be counted.
    """
    try:
        # A copy: tracing shares modules, and a run would update batch norm's
        # statistics.
        copied = copy.deepcopy(net).eval()
        graph = fx.GraphModule(copied, _Tracer().trace(copied))
    except Exception as error:
        raise ValueError(
            f"{type(net).__name__} cannot be traced by torch.fx, so its memory cannot "
            f"be counted: {error}. Avoid branches and len() that depend on values or "
            "shapes in forward."
        ) from error
    _refuse_unknown(graph)
    return graph


class _Tracer(fx.Tracer):
    """Treats subclasses of torch layers, such as integer layers, as leaves."""

    def is_leaf_module(self, module, name):
        is_layer = isinstance(module, (*COMPUTING, *VIEWS))
        return is_layer or super().is_leaf_module(module, name)


def _refuse_unknown(graph):
    """Raise a ValueError if some weights would not be counted."""
    counted = {
        id(parameter)
        for module in graph.modules()
        if isinstance(module, (*COMPUTING, *NORMS))
        for parameter in module.parameters(recurse=False)
    }
    unknown = [n for n, p in graph.named_parameters() if id(p) not in counted]
    unknown += [
        node.name for node in graph.graph.nodes if is_call_of(node, UNCOUNTED_CALLS)
    ]
    if unknown:
        raise ValueError(
            "profile_net counts convolutions, linear layers and batch norm. It "
            f"cannot count {', '.join(unknown[:5])}. Measure the net on the device, "
            "and give Deployment(base_ms=...)."
        )
