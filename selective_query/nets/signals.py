"""SignalNet: for windows of sensor data and log-mel spectrograms."""

from torch import nn

from selective_query._utils.numbers import check_whole


class SignalNet(nn.Module):
    """Depthwise separable convolutions over time.

    A spectrogram of shape (n_samples, n_mels, n_frames) is a signal with n_mels
    channels.

    Parameters
    ----------
    n_classes : int
    n_channels : int
        Number of sensors or mel bands.
    width : int, default=32
        Channels of all blocks.
    depth : int, default=3
        Number of blocks; each halves the time axis.
    kernel : int, default=5
        Odd kernel size.

    References
    ----------
    Zhang, Suda, Lai and Chandra, "Hello edge: keyword spotting on microcontrollers",
    2017, for depthwise separable convolutions on signals.

    Examples
    --------
    >>> import torch
    >>> from selective_query.nets import SignalNet
    >>> SignalNet(10, n_channels=64)(torch.zeros(2, 64, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_classes, n_channels, width=32, depth=3, kernel=5):
        super().__init__()
        check_whole(n_classes, "n_classes", 2)
        check_whole(n_channels, "n_channels", 1)
        check_whole(width, "width", 1)
        check_whole(depth, "depth", 1)
        check_whole(kernel, "kernel", 1)
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd. Got {kernel!r}.")
        layers = [nn.Conv1d(n_channels, width, 1, bias=False), *_norm(width)]
        for _ in range(depth):
            layers += [
                nn.Conv1d(
                    width, width, kernel, 2, kernel // 2, groups=width, bias=False
                ),
                *_norm(width),
                nn.Conv1d(width, width, 1, bias=False),
                *_norm(width),
            ]
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, n_classes)

    def forward_features(self, x):
        """Return the embedding of each input.

        Parameters
        ----------
        x : tensor of shape (n_samples, n_channels, length)

        Returns
        -------
        tensor of shape (n_samples, width)
        """
        return self.blocks(x).mean(2)

    def forward(self, x):
        """Return the logits of each input.

        Parameters
        ----------
        x : tensor of shape (n_samples, n_channels, length)

        Returns
        -------
        tensor of shape (n_samples, n_classes)
        """
        return self.classifier(self.forward_features(x))


def _norm(width):
    return nn.BatchNorm1d(width), nn.ReLU(inplace=True)
