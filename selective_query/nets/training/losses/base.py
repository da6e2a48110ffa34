"""The interface of a loss: a loss per row, and the query score of its net."""

from numbers import Real

import torch
from sklearn.base import BaseEstimator

# At lower temperatures, softened probabilities overflow.
SMALLEST_TEMPERATURE = 1e-3


class HybridLoss(BaseEstimator):
    """Computes a loss per row, and the query score of a net trained with it.

    A call changes no state. `start` initialises the state of a loss, `step` updates it
    after each batch, and `finish` drops what a fitted net does not need.

    Attributes
    ----------
    has_head, has_second : bool
        Whether it trains a router head, and an auxiliary classifier.
    needs_global : bool
        Whether it requires probabilities of a global.
    reads_exits : bool
        Whether it uses every exit of an
        :class:`~selective_query.nets.EarlyExitNet`.
    n_warm_up : int
        Epochs of plain cross-entropy before it starts.
    bounds : dict of str to (float, float)
        Minimum and maximum of its numeric parameters; None is allowed if it is the
        default.
    """

    has_head = False
    has_second = False
    needs_global = False
    reads_exits = False
    n_warm_up = 0
    bounds = {}

    def check(self, n_classes, n_epochs):
        """Refuse a loss that would never start, or with parameters out of range.

        Parameters
        ----------
        n_classes : int
        n_epochs : int

        Raises
        ------
        ValueError
            If a parameter is out of its bounds, or the warm-up takes all epochs.
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
                f"{type(self).__name__} starts after n_warm_up={self.n_warm_up} epochs "
                f"of plain cross-entropy, but n_epochs={n_epochs}. Give more epochs or "
                "a shorter warm-up."
            )

    def start(self, n_rows, n_classes, torch_device):
        """Initialise the state for a new fit.

        Parameters
        ----------
        n_rows : int
            Rows of the new fit.
        n_classes : int
        torch_device : torch.device
        """

    def step(self, output, target):
        """Update the state after a batch.

        Parameters
        ----------
        output : NetOutput
        target : Target
        """

    def finish(self):
        """Drop the state per row."""

    def __call__(self, output, target):
        """Return the loss of each row.

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
        """Return the query score; by default one minus the largest probability.

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
    """Return the cross-entropy of each row, shape (n_samples,)."""
    return torch.nn.functional.cross_entropy(
        logits, label, reduction="none", label_smoothing=smoothing
    )


def tempered(proba, temperature):
    """Return probabilities at another temperature, shape (n_samples, n_classes)."""
    return (proba.clamp_min(1e-12).log() / temperature).softmax(1)


def with_deferral(output):
    """Return log-probabilities of the classes and, last, of deferral."""
    joined = torch.cat([output.logits, output.head[:, None]], dim=1)
    return joined.log_softmax(1)
