"""Run a trained net on any device; between calls it stays on the CPU."""

import threading
from contextlib import nullcontext

import numpy as np
import torch

from selective_query.nets.training._batch import as_tensor
from selective_query.nets.training._engine import Rows, find_device, outputs_of

# A net leaves the CPU during a call; other threads must not use it meanwhile.
_away = threading.Lock()


@torch.no_grad()
def read_outputs(module, X, torch_device, read):
    """Run a net and return a function of its outputs.

    Parameters
    ----------
    module : RoutedNet
        On the CPU, before and after the call.
    X : array-like of shape (n_samples, ...)
    torch_device : str
        The CPU is used if it is unavailable.
    read : callable
        Maps a NetOutput to a tensor with one row per input.

    Returns
    -------
    ndarray of shape (n_samples, ...), float32
    """
    rows = Rows(as_tensor(X))
    try:
        device = find_device(torch_device)
    except ValueError:  # trained elsewhere
        device = "cpu"
    module.eval()
    with nullcontext() if device == "cpu" else _away:
        try:
            module.to(device)
            parts = [
                read(output).float().cpu().numpy()
                for output in outputs_of(module, rows, device)
            ]
        finally:
            module.cpu()
    return np.concatenate(parts)
