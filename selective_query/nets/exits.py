"""Early-exit nets, and nets split between device and cloud."""

import torch
from torch import nn

from selective_query._utils.numbers import check_whole
from selective_query.nets._blocks import check_wholes


class EarlyExitNet(nn.Module):
    """A chain of parts with a classifier after each of them.

    ``forward`` returns only the last exit. Train all of them together, with
    :class:`~selective_query.nets.training.losses.DeepSupervision`.

    Parameters
    ----------
    parts : sequence of nn.Module
        Run in order; each returns feature maps of shape (n_samples, n_channels, height,
        width), or signals without the last axis.
    widths : sequence of int
        Channels after each part.
    n_classes : int
    branches : sequence of (nn.Module or None) or None, default=None
        Modules between each part and its classifier, such as a convolution; `widths`
        are then the output channels of the branches.

    References
    ----------
    Teerapittayanon, McDanel and Kung, "BranchyNet: fast inference via early exiting
    from deep neural networks", ICPR 2016.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from selective_query.nets import EarlyExitNet
    >>> parts = [nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, 3, 2)]
    >>> net = EarlyExitNet(parts, widths=[8, 16], n_classes=10)
    >>> [logits.shape[1] for logits in net.forward_exits(torch.zeros(2, 3, 32, 32))]
    [10, 10]
    """

    def __init__(self, parts, widths, n_classes, branches=None):
        super().__init__()
        parts = list(parts)
        check_whole(n_classes, "n_classes", 2)
        check_wholes(widths, "widths")
        branches = [None] * len(parts) if branches is None else list(branches)
        for name, entries in (("widths", widths), ("branches", branches)):
            if len(entries) != len(parts):
                raise ValueError(
                    f"{name} must have one entry for each of the {len(parts)} parts. "
                    f"Got {len(entries)}."
                )
        self.parts = nn.ModuleList(parts)
        self.branches = nn.ModuleList(
            nn.Identity() if branch is None else branch for branch in branches
        )
        self.heads = nn.ModuleList(nn.Linear(width, n_classes) for width in widths)

    def _exit(self, number, x):
        return self.heads[number](self.branches[number](x).flatten(2).mean(2))

    def forward_exits(self, x):
        """Return the logits of each exit.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)

        Returns
        -------
        list of tensor of shape (n_samples, n_classes)
        """
        found = []
        for number, part in enumerate(self.parts):
            x = part(x)
            found.append(self._exit(number, x))
        return found

    def forward(self, x):
        """Return the logits of the last exit.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)

        Returns
        -------
        tensor of shape (n_samples, n_classes)
        """
        for part in self.parts:
            x = part(x)
        return self._exit(-1, x)

    def up_to(self, number):
        """Return the net that ends in one of the exits, with the same weights.

        Parameters
        ----------
        number : int
            Index of the exit, from 0.

        Returns
        -------
        EarlyExitNet
            With a single exit, for a device with less memory.
        """
        self._check(number, len(self.parts))
        return self._one_exit(self.parts[: number + 1], number)

    def split_at(self, number):
        """Split the net after one of its parts, whose exit stays on the device.

        Parameters
        ----------
        number : int
            Index of the last part on the device, from 0.

        Returns
        -------
        SplitNet
            With the same weights.
        """
        self._check(number, len(self.parts) - 1)
        return SplitNet(
            nn.Sequential(*self.parts[: number + 1]),
            self._one_exit(self.parts[number + 1 :], -1),
            self._one_exit([], number),
        )

    def _check(self, number, n):
        if not 0 <= number < n:
            raise ValueError(
                f"number must be a whole number in [0, {n - 1}]. Got {number!r}."
            )

    def _one_exit(self, parts, number):
        head = self.heads[number]
        cut = EarlyExitNet(
            [nn.Sequential(*parts)],
            [head.in_features],
            head.out_features,
            [self.branches[number]],
        )
        cut.heads[0] = head
        return cut

    def entropy_exit(self, x, thresholds):
        """Answer each input at the first exit whose entropy is low enough.

        Later parts run only on the inputs that no exit has answered.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)
        thresholds : sequence of float
            Maximum entropy in nats, for every exit except the last.

        Returns
        -------
        logits : tensor of shape (n_samples, n_classes)
        taken : tensor of shape (n_samples,), int
            Index of the exit that answered.
        """
        left = torch.arange(len(x), device=x.device)
        logits = x.new_zeros(len(x), self.heads[0].out_features)
        taken = torch.zeros(len(x), dtype=torch.long, device=x.device)
        last = len(self.parts) - 1
        for number, part in enumerate(self.parts):
            x = part(x)
            found = self._exit(number, x)
            log_p = found.log_softmax(1)
            done = -(log_p.exp() * log_p).sum(1) <= (
                torch.inf if number == last else thresholds[number]
            )
            logits[left[done]], taken[left[done]] = found[done], number
            left, x = left[~done], x[~done]
            if not len(left):
                break
        return logits, taken


class SplitNet(nn.Module):
    """A net whose first parts run on the device and whose rest runs in the cloud.

    Parameters
    ----------
    edge, cloud : nn.Module
        The cloud reads the output of the edge.
    exit_head : nn.Module or None, default=None
        Maps the edge's output to logits, so that the device can answer itself.

    References
    ----------
    Teerapittayanon, McDanel and Kung, "Distributed deep neural networks over the cloud,
    the edge and end devices", ICDCS 2017.
    """

    def __init__(self, edge, cloud, exit_head=None):
        super().__init__()
        self.edge, self.cloud, self.exit_head = edge, cloud, exit_head

    def forward(self, x):
        """Return the logits of the whole net.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)

        Returns
        -------
        tensor of shape (n_samples, n_classes)
        """
        return self.cloud(self.edge(x))

    def payload_bytes(self, x, bits=8):
        """Return the bytes sent to the cloud per input.

        Parameters
        ----------
        x : tensor of shape (n_samples, ...)
        bits : int, default=8
            Bits per number sent.

        Returns
        -------
        int
        """
        check_whole(bits, "bits", 1)
        was_training = self.training
        with torch.no_grad():
            n_numbers = self.eval().edge(x[:1]).numel()
        self.train(was_training)
        return -(-n_numbers * bits // 8)
