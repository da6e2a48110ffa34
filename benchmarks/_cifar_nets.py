"""Two convolutional nets for CIFAR-10 that 2 cores can train in minutes."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

BATCH = 128


def _block(n_in, n_out, stride):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def make_net(widths, strides):
    """Blocks of 3 x 3 convolutions, global pooling, one linear layer."""
    channels = [3, *widths]
    blocks = [
        _block(*pair, stride)
        for pair, stride in zip(pairwise(channels), strides, strict=True)
    ]
    body = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return body, nn.Linear(widths[-1], 10)


def train_pair(images, labels, seed=0):
    """Train the small and the large net; return two functions images -> outputs."""
    torch.manual_seed(seed)
    small = make_net((8, 16, 32, 64), (2, 2, 2, 1))
    large = make_net((32, 64, 64, 128, 128, 256), (1, 2, 1, 2, 1, 2))
    return (
        _train(small, images, labels, n_epochs=8, rate=0.2),
        _train(large, images, labels, n_epochs=6, rate=0.1),
    )


def _as_tensor(images):
    x = torch.as_tensor(images).permute(0, 3, 1, 2).float()
    return (x - 120) / 64


def _train(net, images, labels, n_epochs, rate):
    body, head = net
    model = nn.Sequential(body, head).to(memory_format=torch.channels_last)
    y = torch.as_tensor(labels).long()
    steps = n_epochs * (len(y) // BATCH)
    optimiser = torch.optim.SGD(
        model.parameters(), rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    for _ in range(n_epochs):
        order = torch.randperm(len(y))
        for rows in order.split(BATCH)[: len(y) // BATCH]:
            x = _augment(_as_tensor(images[rows.numpy()]))
            loss = cross_entropy(model(x), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    return lambda new: _outputs(body, head, new)


def _augment(x):
    """Flip each image with probability 1/2; shift the batch by up to 4 pixels."""
    flip = torch.rand(len(x)) < 0.5
    x[flip] = x[flip].flip(-1)
    down, right = torch.randint(-4, 5, (2,)).tolist()
    return x.roll((down, right), (-2, -1))


@torch.no_grad()
def _outputs(body, head, images):
    """Return probabilities, logits and embedding of each image."""
    parts = []
    for start in range(0, len(images), 1000):
        embedding = body(_as_tensor(images[start : start + 1000]))
        logits = head(embedding)
        parts.append([t.numpy() for t in (logits.softmax(1), logits, embedding)])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
