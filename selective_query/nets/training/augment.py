"""Random changes of a batch of images that leave their labels as they are."""

import torch


def flip_and_shift(x, n_pixels=4):
    """Mirror each image with chance 1/2, and shift the batch by up to some pixels.

    Parameters
    ----------
    x : tensor of shape (n_samples, n_channels, height, width)
    n_pixels : int, default=4
        The largest shift, with zeros moving in.

    Returns
    -------
    tensor of shape (n_samples, n_channels, height, width)
    """
    return shift(flip(x), n_pixels)


def flip(x):
    """Mirror each image with chance 1/2."""
    mirrored = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def shift(x, n_pixels=4):
    """Shift the images of a batch together, with zeros moving in."""
    down, right = torch.randint(-n_pixels, n_pixels + 1, (2,)).tolist()
    height, width = x.shape[-2:]
    moved = torch.zeros_like(x)
    moved[..., max(down, 0) : height + min(down, 0),
          max(right, 0) : width + min(right, 0)] = x[
        ..., max(-down, 0) : height - max(down, 0),
        max(-right, 0) : width - max(right, 0)]  # fmt: skip
    return moved
