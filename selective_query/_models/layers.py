"""Output of a layer of a torch net, recorded while the net predicts.

Nothing here imports torch; it works on nets that the user provides.
"""

import threading
from contextlib import contextmanager

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def net_of(model):
    """The fitted torch module inside a skorch-like estimator, or None."""
    if isinstance(model, FrozenEstimator):
        return net_of(model.estimator)
    if isinstance(model, Pipeline):
        return net_of(model.steps[-1][1])
    return getattr(model, "module_", None)


def layer_outputs(model, name, predict):
    """Return the result of `predict()` and the output of a layer during that call.

    Feature maps are averaged over their positions.

    Parameters
    ----------
    model : estimator
        With a torch module, as in skorch; may be frozen or the last step of a pipeline.
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
        If there is no net or no such layer, or the output of the layer does not fit.
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
            f"base_features={name!r} has no output while {type(net).__name__} "
            "predicts. Choose another layer."
        )
    outputs = np.concatenate(batches)
    if len(outputs) != len(result):
        raise ValueError(
            f"base_features={name!r} gave {len(outputs)} rows for {len(result)} "
            "inputs. Choose a layer that is used once for each batch."
        )
    return result, outputs


# torch numbers hooks with a counter that two threads may read at the same time.
_hooking = threading.Lock()


@contextmanager
def _recorded(layer):
    """Record the layer's outputs in this thread; others may use the same net."""
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
