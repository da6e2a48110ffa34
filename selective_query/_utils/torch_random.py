"""torch's global random state, which all threads of a process share."""

import threading
from contextlib import contextmanager

import torch

_alone = threading.RLock()


@contextmanager
def own_random_numbers(seed=None, devices=None):
    """Exclusive use of the random state: other threads wait, and it is restored after.

    Parameters
    ----------
    seed : int or None, default=None
        None continues from the current state.
    devices : list of int or None, default=None
        Accelerators whose states are restored too; None means all.
    """
    with _alone, torch.random.fork_rng(devices=devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield
