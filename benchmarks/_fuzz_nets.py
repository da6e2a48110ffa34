"""Random small int8 nets: C on this machine compared with its numpy reference."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _compiled import run_net

from selective_query.export._c.nets import int8_net
from selective_query.nets.training import NetClassifier
from tests.export.c.random_nets import random_net

N_ROWS = 30
# Besides usual rows: zeros, clipped rows, and numbers at an end of the range or tiny.
HOSTILE = np.float32([0, -0.0, 1e-30, -1e-40, 1e4, -1e4, 3e38, -3e38])


def run_nets(seed, n_nets, sanitised):
    """Return counts over a batch of nets, every other one with Cortex-M kernels."""
    found = dict.fromkeys(("nets", "macs", "rows", "numbers", "other bits"), 0)
    offenders = []
    for place in range(n_nets):
        net, X = fitted_net(np.random.default_rng([seed, place]))
        core = ["cortex-m7", None][place % 2]
        with TemporaryDirectory() as folder:
            made = int8_net(net, X[:N_ROWS], folder, core=core)
            rows = X.reshape(len(X), -1)
            outputs = run_net(Path(folder), made.call, rows, sanitised)
        with np.errstate(over="ignore"):
            twin = made.reference(X)
        other = twin.view(np.uint32) != outputs.view(np.uint32)
        found["nets"] += 1
        found["macs"] += made.macs
        found["rows"] += len(X)
        found["numbers"] += twin.size
        found["other bits"] += int(other.sum())
        if other.any():
            offenders.append([seed, place])
    return found | {"offenders": offenders}


def fitted_net(rng):
    """Return a net with batch-norm statistics, and usual rows, then hostile ones."""
    net, shape = random_net(rng)
    usual = rng.normal(size=(N_ROWS, *shape)).astype(np.float32)
    hostile = rng.choice(HOSTILE, usual.shape)
    net.train()
    with torch.no_grad():
        net(torch.as_tensor(usual))
    X = np.concatenate([usual, hostile, np.zeros_like(usual[:1])])
    return NetClassifier.from_trained(net.eval(), range(3)), X
