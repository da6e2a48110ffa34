"""A loss for nets with exits on the way."""

from numbers import Real

from selective_query.nets.training.losses.base import HybridLoss, row_log_loss


class DeepSupervision(HybridLoss):
    r"""Cross-entropy of every exit of an :class:`~selective_query.nets.EarlyExitNet`.

    .. math:: \sum_k w_k\, \ell(p_k, y) \Big/ \sum_k w_k

    Parameters
    ----------
    weights : sequence of float or None, default=None
        :math:`w_k` of each exit, from the first to the last; None, as by name, counts
        all alike.

    References
    ----------
    Teerapittayanon, McDanel and Kung, "BranchyNet: fast inference via early exiting
    from deep neural networks", ICPR 2016.
    """

    reads_exits = True

    def __init__(self, weights=None):
        self.weights = weights

    def check(self, n_classes, n_epochs):
        super().check(n_classes, n_epochs)
        numbers = [] if self.weights is None else self.weights
        if not all(isinstance(w, Real) and w >= 0 for w in numbers) or (
            self.weights is not None and not sum(numbers) > 0
        ):
            raise ValueError(
                "weights must be numbers >= 0, one of them positive. Got "
                f"{self.weights!r}."
            )

    def __call__(self, output, target):
        weights = self.weights or [1.0] * len(output.exits)
        if len(weights) != len(output.exits):
            raise ValueError(
                f"weights must have one entry for each of the {len(output.exits)} "
                f"exits. Got {len(weights)}."
            )
        losses = [row_log_loss(logits, target.label) for logits in output.exits]
        charged = sum(w * loss for w, loss in zip(weights, losses, strict=True))
        return charged / sum(weights)
