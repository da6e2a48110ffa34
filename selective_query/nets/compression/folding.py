"""Fold batch norm into the layer before it."""

import torch

from selective_query.footprint._liveness import COMPUTING, NORMS, module_of
from selective_query.nets.compression._tracing import layer_like, put, trace


def fold_batch_norm(net):
    r"""Return an equivalent net with batch norm folded into its layers.

    In evaluation mode batch norm is linear, so that with
    :math:`a = \gamma / \sqrt{\sigma^2 + \epsilon}`

    .. math:: a\,(w x + b - \mu) + \beta = (a w)\, x + a\,(b - \mu) + \beta

    Parameters
    ----------
    net : nn.Module
        Must be traceable by ``torch.fx``. It is not modified.

    Returns
    -------
    torch.fx.GraphModule
        With new layers under the names of the net's layers.

    Raises
    ------
    ValueError
        If the net cannot be traced, or a batch norm does not directly follow a layer
        that nothing else reads.

    References
    ----------
    Jacob et al., "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", CVPR 2018, section 3.2.

    Examples
    --------
    >>> from selective_query.nets.compression import fold_batch_norm
    >>> from selective_query.nets import SignalNet
    >>> net = SignalNet(3, n_channels=2, width=4, depth=1)
    >>> [type(module).__name__ for module in net.blocks[:3]]
    ['Conv1d', 'BatchNorm1d', 'ReLU']
    >>> [name for name, _ in fold_batch_norm(net).named_children()]
    ['blocks', 'classifier']
    """
    graph = trace(net)
    for node in list(graph.graph.nodes):
        module = module_of(graph, node)
        if isinstance(module, COMPUTING):
            new = layer_like(module, module.weight, module.bias, _groups(module))
            put(graph, node.target, new)
        elif isinstance(module, NORMS):
            layer = node.args[0]
            _check_foldable(graph, node, module, layer)
            put(graph, layer.target, _folded(module_of(graph, layer), module))
            node.replace_all_uses_with(layer)
            graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


def _check_foldable(graph, node, norm, layer):
    follows = isinstance(module_of(graph, layer), COMPUTING) and len(layer.users) == 1
    if not follows:
        raise ValueError(
            f"Batch norm {node.target!r} cannot be folded: it must come right after a "
            "convolution or linear layer that nothing else reads. It comes after "
            f"{layer.name!r}. Order the net as convolution, batch norm, activation."
        )
    if norm.running_mean is None:
        raise ValueError(
            f"Batch norm {node.target!r} keeps no running statistics, so that its "
            "output depends on the batch. Set track_running_stats=True and retrain."
        )


@torch.no_grad()
def _folded(layer, norm):
    factor = (norm.running_var + norm.eps).rsqrt()
    shift = -norm.running_mean * factor
    if norm.affine:
        factor, shift = factor * norm.weight, shift * norm.weight + norm.bias
    if layer.bias is not None:
        shift = shift + layer.bias * factor
    weight = layer.weight * factor.view(-1, *(1,) * (layer.weight.ndim - 1))
    return layer_like(layer, weight, shift, _groups(layer))


def _groups(layer):
    return getattr(layer, "groups", 1)
