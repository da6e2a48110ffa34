"""What a layer of a torch net computes, read while the net predicts.

Nothing here imports torch: a net brings its own.
"""

import threading
from contextlib import contextmanager

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def net_of(model):
    """The fitted torch module inside an estimator of skorch's kind, or None."""
    if isinstance(model, FrozenEstimator):
        return net_of(model.estimator)
    if isinstance(model, Pipeline):
        return net_of(model.steps[-1][1])
    return getattr(model, "module_", None)


def layer_outputs(model, name, predict):
    """What `predict()` returns, and what a layer put out meanwhile.

    Feature maps are averaged over their positions.

    Parameters
    ----------
    model : estimator
        With a torch module, as skorch's; also frozen, or last in a pipeline.
    name : str
        Name of the layer among ``named_modules()``; "" is the whole module.
    predict : callable
        Runs the net once over all rows.

    Returns
    -------
    result
    outputs : ndarray of shape (n_samples, n_channels)

    Raises
    ------
    ValueError
        When there is no net or no such layer, or it puts out something else.
    """
    net = net_of(model)
    if net is None:
        raise ValueError(
            f"base_features={name!r} names a layer of a torch net, and "
            f"{type(model).__name__} holds none. Give 'logits', a function f(base, X), "
            "or a transformer of X."
        )
    layers = dict(net.named_modules())
    if name not in layers:
        known = ", ".join(list(layers)[1:21])
        raise ValueError(
            f"base_features={name!r} is no layer of {type(net).__name__}. Choose one "
            f"of {known}, or 'logits'."
        )
    with _recorded(layers[name]) as batches:
        result = predict()
    if not batches:
        raise ValueError(
            f"base_features={name!r} puts out nothing while {type(net).__name__} "
            "predicts. Choose another layer."
        )
    outputs = np.concatenate(batches)
    if len(outputs) != len(result):
        raise ValueError(
            f"base_features={name!r} put out {len(outputs)} rows for {len(result)} "
            "inputs. Choose a layer that is used once a batch."
        )
    return result, outputs


# torch numbers hooks by a counter that two threads may read at once.
_hooking = threading.Lock()


@contextmanager
def _recorded(layer):
    """Outputs of the layer in this thread; others may run the same net meanwhile."""
    batches, thread = [], threading.get_ident()

    def record(module, inputs, output):
        if threading.get_ident() == thread:
            batches.append(_pooled(output[0] if isinstance(output, tuple) else output))

    with _hooking:
        handle = layer.register_forward_hook(record)
    try:
        yield batches
    finally:
        with _hooking:
            handle.remove()


def _pooled(output):
    output = output.detach().cpu().float().numpy()
    if output.ndim == 1:
        return output[:, None]
    return output.mean(axis=tuple(range(2, output.ndim)))
