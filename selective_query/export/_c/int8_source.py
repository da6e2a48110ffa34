"""Quantise a fitted net and split off its last layer."""

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from selective_query.exceptions import ExportError
from selective_query.export._c.int8_graph import int8_graph
from selective_query.nets.compression import IntegerLayer, quantise
from selective_query.nets.training import NetClassifier


def int8_source(ir, net, calibration):
    """Return the int8 graph of a net, and its last layer.

    Parameters
    ----------
    ir : module
        ``bakenn.ir``.
    net : NetClassifier or skorch.NeuralNet
        Fitted.
    calibration : ndarray of shape (n_rows, ...)

    Returns
    -------
    graph : Int8Graph
    weight : ndarray of shape (n_classes, n_features), float32
    bias : ndarray of shape (n_classes,), float32

    Raises
    ------
    ExportError
        If a part of the net cannot be converted to int8 C.
    """
    try:
        net = _as_classifier(net)
        last = net.module_.net.get_submodule(net.module_.last_name)
        quantised = net if _is_quantised(net) else quantise(net, calibration)
        x = torch.as_tensor(calibration[:1])
        graph = int8_graph(ir, quantised.module_.net, net.module_.last_name, x)
    except ExportError:
        raise
    except (ValueError, RuntimeError) as error:
        # torch raises these for rows of a wrong shape.
        said = str(error).partition("\n")[0]
        raise ExportError(f"The net cannot be exported in int8: {said}") from error
    weight = last.weight.detach().numpy().astype(np.float32)
    bias = np.zeros(len(weight), np.float32)
    if last.bias is not None:
        bias = last.bias.detach().numpy().astype(np.float32)
    n_features = graph.n_channels * (1 if graph.takes_mean else graph.n_positions)
    if weight.shape[1] != n_features:
        raise ExportError(
            f"The last layer reads {weight.shape[1]} numbers, but {n_features} come "
            "before it. Put a mean over all positions or flatten(1) before it."
        )
    return graph, weight, bias


def _is_quantised(net):
    return any(isinstance(m, IntegerLayer) for m in net.module_.net.modules())


def _as_classifier(net):
    net = net.estimator if isinstance(net, FrozenEstimator) else net
    module = getattr(net, "module_", None)
    if not isinstance(module, torch.nn.Module) or not hasattr(net, "classes_"):
        raise ExportError(
            "Only a fitted NetClassifier or classifier of skorch can be exported in "
            f"int8. Got {net!r}."
        )
    if isinstance(net, NetClassifier):
        return net
    return NetClassifier.from_trained(module, net.classes_)
