"""Data, nets and learning rates of the training benchmark."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from _harness import CACHE
from _recipes import split
from torch import nn

from selective_query.datasets import load_dataset
from selective_query.nets import ConvNet, EarlyExitNet, MobileNet, SignalNet
from selective_query.nets._blocks import conv_block
from selective_query.nets.training import NetClassifier
from selective_query.nets.training.losses import DeepSupervision

PARTS = ("fit", "router", "test")


class Scaled(nn.Module):
    """A net after a shift and a scale, so that it accepts bytes."""

    def __init__(self, make_net, centre, scale):
        super().__init__()
        self.net, self.centre, self.scale = make_net(), centre, scale

    def forward(self, x):
        return self.net((x - self.centre) / self.scale)


class ScaledExits(Scaled):
    """A net with exits after a shift and a scale."""

    def forward_exits(self, x):
        return self.net.forward_exits((x - self.centre) / self.scale)


def flip(x):
    """Mirror each image of a batch with probability 1/2."""
    mirrored = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def flip_and_shift(x, n_pixels=4):
    """Mirror each image at random, and shift the batch by a few pixels of zeros."""
    x = flip(x)
    down, right = torch.randint(-n_pixels, n_pixels + 1, (2,)).tolist()
    height, width = x.shape[-2:]
    moved = torch.zeros_like(x)
    moved[..., max(down, 0) : height + min(down, 0),
          max(right, 0) : width + min(right, 0)] = x[
        ..., max(-down, 0) : height - max(down, 0),
        max(-right, 0) : width - max(right, 0)]  # fmt: skip
    return moved


def shift_in_time(x):
    """Shift all spectrograms of a batch together by up to four frames."""
    return x.roll(int(torch.randint(-4, 5, ())), -1)


@dataclass(frozen=True)
class Task:
    """One dataset's rows and nets.

    Parameters
    ----------
    load : callable
        Returns (X, y) of the models' rows, the routers' rows and the test rows.
    base, global_ : callable
        Return an untrained net.
    augment, augment_global : callable
        For a small net, shifts as well cost more than they gain.
    n_epochs, n_epochs_global : int
    rates : tuple of float
        Learning rates that each arm may choose from.
    batch_size : int
    loss_global : str or HybridLoss
    global_name : str or None
        Name of the task whose global this one shares; None if it has its own.
    """

    load: object
    base: object
    global_: object
    augment: object
    augment_global: object
    n_epochs: int
    n_epochs_global: int
    rates: tuple
    batch_size: int = 128
    loss_global: object = "cross_entropy"
    global_name: str | None = None


def cifar10():
    data = load_dataset("cifar10")
    fit, router = split(len(data.y), 35_000)
    X, X_test = (x.transpose(0, 3, 1, 2) for x in (data.X, data.X_test))
    return (X[fit], data.y[fit]), (X[router], data.y[router]), (X_test, data.y_test)


def cifar10_vehicles():
    """CIFAR-10 with aeroplanes, cars, ships and lorries merged into one class."""
    to_seven = np.array([0, 0, 1, 2, 3, 4, 5, 6, 0, 0])
    return tuple((X, to_seven[y]) for X, y in cifar10())


def fashion_mnist():
    data = load_dataset("fashion_mnist")
    fit, router = split(len(data.y), 40_000)
    X, X_test = (x[:, None] for x in (data.X, data.X_test))
    return (X[fit], data.y[fit]), (X[router], data.y[router]), (X_test, data.y_test)


def spoken_digits():
    data = load_dataset("spoken_digits")
    is_test = data.index < 10
    rest = np.flatnonzero(~is_test)
    fit, router = (rest[part] for part in split(len(rest), 1600))
    parts = fit, router, np.flatnonzero(is_test)
    return tuple((data.X[rows], data.y[rows]) for rows in parts)


def _image_net(widths, strides, n_channels, centre, scale, n_classes=10):
    make_net = partial(ConvNet, n_classes, widths, strides, n_channels=n_channels)
    return partial(Scaled, make_net, centre, scale)


def _speech_net(width, depth):
    make_net = partial(SignalNet, 10, 64, width=width, depth=depth)
    return partial(Scaled, make_net, -10.0, 5.0)


CIFAR10_BASE = (16, 32, 64), None, 3, 120.0, 64.0
CIFAR10_GLOBAL = (32, 64, 64, 128, 128, 256), (1, 2, 1, 2, 1, 2), 3, 120.0, 64.0
TASKS = {
    "cifar10": Task(
        cifar10,
        base=_image_net(*CIFAR10_BASE),
        global_=_image_net(*CIFAR10_GLOBAL),
        augment=flip,
        augment_global=flip_and_shift,
        n_epochs=12,
        n_epochs_global=8,
        rates=(0.1, 0.2, 0.4, 0.8),
    ),
    "fashion_mnist": Task(
        fashion_mnist,
        base=_image_net((8, 12, 16), None, 1, 73.0, 90.0),
        global_=_image_net((16, 32, 32, 64, 128), (1, 2, 1, 2, 2), 1, 73.0, 90.0),
        augment=flip,
        augment_global=partial(flip_and_shift, n_pixels=2),
        n_epochs=8,
        n_epochs_global=6,
        rates=(0.1, 0.2, 0.4, 0.8),
    ),
    "spoken_digits": Task(
        spoken_digits,
        base=_speech_net(8, 2),
        global_=_speech_net(96, 3),
        augment=shift_in_time,
        augment_global=shift_in_time,
        n_epochs=30,
        n_epochs_global=40,
        rates=(0.1, 0.2, 0.4, 0.8, 1.6),
        batch_size=64,
    ),
}


# One easy class and six hard ones.
UNEQUAL_TASKS = {
    "cifar10_vehicles": replace(
        TASKS["cifar10"],
        load=cifar10_vehicles,
        base=_image_net(*CIFAR10_BASE, n_classes=7),
        global_=_image_net(*CIFAR10_GLOBAL, n_classes=7),
    )
}


def _exits(parts, n_classes=10, branch_width=64):
    """Return parts of (width, stride) convolutions, each followed by an exit."""
    modules, widths, n_in = [], [], 3
    for part in parts:
        layers = []
        for n_out, stride in part:
            layers.append(conv_block(n_in, n_out, stride=stride))
            n_in = n_out
        modules.append(nn.Sequential(*layers))
        widths.append(n_in)
    branches = [conv_block(n, branch_width, stride=2) for n in widths[:-1]] + [None]
    ends = [branch_width] * (len(parts) - 1) + widths[-1:]
    return EarlyExitNet(modules, ends, n_classes, branches)


def _scaled_exits(parts):
    return partial(ScaledExits, partial(_exits, parts), 120.0, 64.0)


# The cloud's net does not fit the microcontroller's flash; its exits allow it to be
# split, or left early.
CLOUD_PARTS = (((32, 1), (64, 2)), ((128, 1), (128, 2)), ((256, 1), (256, 2)))
DEVICE_PARTS = (((32, 1), (48, 2)), ((64, 2),), ((128, 2),))
EXIT_WEIGHTS = (0.3, 0.3, 1.0)
BASES = {
    "small": ((16, 32, 64), (2, 2, 2)),
    "medium": ((16, 32, 64, 64), (1, 2, 2, 2)),
    "large": ((32, 48, 64, 128), (1, 2, 2, 2)),
}


def _paper_task(base):
    return Task(
        cifar10,
        base=base,
        global_=_scaled_exits(CLOUD_PARTS),
        augment=flip,
        augment_global=flip_and_shift,
        n_epochs=12,
        n_epochs_global=8,
        rates=(0.2, 0.4),
        loss_global=DeepSupervision(EXIT_WEIGHTS),
        global_name="cifar10_cloud",
    )


# For the tables in the paper's form: three bases and a net with exits for the device.
PAPER_TASKS = {
    f"cifar10_{size}": _paper_task(_image_net(*shape, 3, 120.0, 64.0))
    for size, shape in BASES.items()
} | {"cifar10_exits": _paper_task(_scaled_exits(DEVICE_PARTS))}


def _large_task(width):
    mobile = partial(MobileNet, 10, width=width, depth=2)
    return Task(
        cifar10,
        base=partial(Scaled, mobile, 120.0, 64.0),
        global_=_image_net(
            (64, 128, 256, 256, 512, 512), (1, 1, 2, 1, 2, 1), 3, 120.0, 64.0
        ),
        augment=flip_and_shift,
        augment_global=flip_and_shift,
        n_epochs=60,
        n_epochs_global=60,
        rates=(0.1, 0.2, 0.4),
        global_name="cifar10_large_global",
    )


# Hours on a GPU, days without: a MobileNet and a net of half a billion operations.
LARGE_TASKS = {
    f"cifar10_mobile_{width}": _large_task(width) for width in (0.35, 0.5, 1.0)
}


def find_task(name):
    return {**TASKS, **UNEQUAL_TASKS, **PAPER_TASKS, **LARGE_TASKS}[name]


def trained(task, X, y, make_net, *, seed, rate, n_epochs, loss="cross_entropy",
            global_proba=None, augment=None, sample_weight=None):  # fmt: skip
    """Return a fitted net of the task."""
    net = NetClassifier(
        make_net, loss=loss, n_epochs=n_epochs, learning_rate=rate,
        batch_size=task.batch_size, augment=augment or task.augment,
        random_state=seed,
    )  # fmt: skip
    return net.fit(X, y, sample_weight, global_proba=global_proba)


def global_answers(name):
    """Return probabilities of the global on the three parts; trained once and stored.

    The first part, the base's rows, is the global's own training set.
    """
    stored = stored_global(name)
    return tuple(stored[part] for part in PARTS)


def stored_global(name):
    """Return probabilities of the global by part, and of its exits, if any."""
    task = find_task(name)
    path = CACHE / "training" / f"{task.global_name or f'{name}_global'}.npz"
    if not path.exists():
        parts = task.load()
        net = train_global(task, parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **answers_by_part(net, parts))
    with np.load(path) as stored:
        return dict(stored)


def train_global(task, parts):
    """Train the task's global on the first part."""
    return trained(
        task, *parts[0], task.global_, seed=0, rate=0.1,
        n_epochs=task.n_epochs_global, augment=task.augment_global,
        loss=task.loss_global,
    )  # fmt: skip


def answers_by_part(net, parts):
    """Return probabilities by part, and of all exits of a net trained with them."""
    found = {}
    for name, (X, _) in zip(PARTS, parts, strict=True):
        if net.module_.loss.reads_exits:
            found[f"{name}_exits"] = net.predict_proba_exits(X)
            found[name] = found[f"{name}_exits"][-1]
        else:
            found[name] = net.predict_proba(X)
    return found
