"""The interface of a loss: what it charges each row, and how its net routes."""

from numbers import Real

import torch
from sklearn.base import BaseEstimator

# Below, softened probabilities overflow.
SMALLEST_TEMPERATURE = 1e-3


class HybridLoss(BaseEstimator):
    """Charges each row of a batch, and says how a net trained with it routes.

    A call changes nothing. What a loss remembers, `start` makes, `step` brings up to
    date after each batch, and `finish` drops where a fitted net need not carry it.

    Attributes
    ----------
    has_head, has_second : bool
        Whether it trains a router head, and a second classifier beside the first.
    needs_global : bool
        Whether it makes no sense without answers of a global.
    reads_exits : bool
        Whether it charges every exit of an :class:`~selective_query.nets.EarlyExitNet`.
    n_warm_up : int
        Epochs of plain cross-entropy before it sets in.
    bounds : dict of str to (float, float)
        Least and largest value of its numbers; None is allowed where it is the default.
    """

    has_head = False
    has_second = False
    needs_global = False
    reads_exits = False
    n_warm_up = 0
    bounds = {}

    def check(self, n_classes, n_epochs):
        """Refuse a loss that would never set in, or whose numbers make no sense.

        Parameters
        ----------
        n_classes : int
        n_epochs : int

        Raises
        ------
        ValueError
            When a number is out of its bounds, or the warm-up takes all epochs.
        """
        for name, (low, high) in self.bounds.items():
            value = getattr(self, name)
            if value is None and getattr(type(self)(), name) is None:
                continue
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not (is_number and low <= value <= high):
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a number in [{low:g}, "
                    f"{high:g}]. Got {value!r}."
                )
        if self.n_warm_up >= n_epochs:
            raise ValueError(
                f"{type(self).__name__} sets in after n_warm_up={self.n_warm_up} "
                f"epochs of plain cross-entropy, and n_epochs={n_epochs}. Give more "
                "epochs or a shorter warm-up."
            )

    def start(self, n_rows, n_classes, torch_device):
        """Forget what was remembered of earlier rows.

        Parameters
        ----------
        n_rows : int
            Of the fit that begins.
        n_classes : int
        torch_device : torch.device
        """

    def step(self, output, target):
        """Learn what is no weight of the net from a batch that was just charged.

        Parameters
        ----------
        output : NetOutput
        target : Target
        """

    def finish(self):
        """Drop what was remembered of each row."""

    def __call__(self, output, target):
        """Loss of each row.

        Parameters
        ----------
        output : NetOutput
        target : Target

        Returns
        -------
        tensor of shape (n_samples,)
        """
        raise NotImplementedError

    def query_score(self, output):
        """How much a query would gain; by default one minus the largest probability.

        Parameters
        ----------
        output : NetOutput

        Returns
        -------
        tensor of shape (n_samples,)
            Higher means query first.
        """
        return 1 - output.logits.softmax(1).amax(1)


def row_log_loss(logits, label, smoothing=0.0):
    """Cross-entropy of each row, shape (n_samples,)."""
    return torch.nn.functional.cross_entropy(
        logits, label, reduction="none", label_smoothing=smoothing
    )


def tempered(proba, temperature):
    """Probabilities at another temperature, shape (n_samples, n_classes)."""
    return (proba.clamp_min(1e-12).log() / temperature).softmax(1)


def with_deferral(output):
    """Log-probabilities of the classes and, last, of deferring."""
    joined = torch.cat([output.logits, output.head[:, None]], dim=1)
    return joined.log_softmax(1)
