"""torch's random numbers, of which a process has one state for all of its threads."""

import threading
from contextlib import contextmanager

import torch

_alone = threading.RLock()


@contextmanager
def own_random_numbers(seed=None, devices=None):
    """Draws of the caller alone: other threads wait, and the state is put back.

    Parameters
    ----------
    seed : int or None, default=None
        None goes on from the state that there is.
    devices : list of int or None, default=None
        Accelerators whose states are put back too; None is all.
    """
    with _alone, torch.random.fork_rng(devices=devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield
