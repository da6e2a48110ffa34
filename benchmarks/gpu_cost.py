"""How fast is training on a GPU, compared with the CPU?

Rows per second of a net with a router head, trained for the hybrid on random images of
CIFAR-10's size by the same code on both, alternately in one run. Curves, thresholds and
the routers on top use numpy, and always run on the CPU. Without CUDA only the CPU is
measured.
"""

import time
from functools import partial

import numpy as np
import torch
from _harness import Benchmark, print_table

from selective_query.nets import ConvNet, MobileNet
from selective_query.nets.training import NetClassifier

NETS = {
    "three convolutions": partial(ConvNet, 10, (16, 32, 64)),
    "six wide convolutions": partial(
        ConvNet, 10, (64, 128, 256, 256, 512, 512), (1, 1, 2, 1, 2, 1)
    ),
    "MobileNet": partial(MobileNet, 10, width=1.0, depth=2),
}


def images(n):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 3, 32, 32), dtype=np.float32)
    return X, rng.integers(10, size=n), rng.dirichlet(np.ones(10), size=n)


def rows_a_second(net, device, n, n_epochs):
    X, y, proba = images(n)
    classifier = NetClassifier(
        net,
        loss="selective_query",
        n_epochs=n_epochs,
        torch_device=device,
        random_state=0,
    )
    classifier.fit(X[:256], y[:256], global_proba=proba[:256])  # to warm up
    start = time.perf_counter()
    classifier.fit(X, y, global_proba=proba)
    return {"rows a second": n * n_epochs / (time.perf_counter() - start)}


def main():
    benchmark = Benchmark("gpu_cost", __doc__)
    quick = benchmark.parse().quick
    has_cuda = torch.cuda.is_available()
    if not has_cuda:
        print("No CUDA device was found: only the CPU is measured.")
    n, n_epochs = (512, 1) if quick else (4096, 2)
    for name, net in NETS.items():
        if quick and "wide" in name:
            continue
        for device in ("cpu", "cuda") if has_cuda else ("cpu",):
            benchmark.row(
                {"net": name, "device": device, "threads": torch.get_num_threads()},
                partial(rows_a_second, net, device, n, n_epochs),
            )
    columns = {"net": "", "device": "", "threads": "", "rows a second": ",.0f"}
    print_table(benchmark.rows, columns)


if __name__ == "__main__":
    main()
