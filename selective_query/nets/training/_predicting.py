"""What a trained net says of rows, on whichever device, kept on the processor."""

import threading
from contextlib import nullcontext

import numpy as np
import torch

from selective_query.nets.training._batch import as_tensor
from selective_query.nets.training._engine import Rows, find_device, outputs_of

# A net leaves the processor for one call, and another thread must not see it there.
_away = threading.Lock()


@torch.no_grad()
def read_outputs(module, X, torch_device, read):
    """Read something off the outputs of a net.

    Parameters
    ----------
    module : RoutedNet
        On the processor, where it is again afterwards.
    X : array-like of shape (n_samples, ...)
    torch_device : str
        The processor stands in where it is not found.
    read : callable
        From a NetOutput to a tensor with a row for each input.

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
