"""Which epoch's weights to keep: the one whose hybrid is best on held-out rows."""

import copy

import torch
from skorch.callbacks import Callback

from selective_query.metrics import accuracy_at_coverage


class BestEpoch(Callback):
    """Remember the weights of the epoch with the best accuracy at a coverage.

    Parameters
    ----------
    held_out : Rows
        That nothing trains on.
    coverage : float
    patience : int or None
        Stop after so many epochs without a better one.
    n_warm_up : int, default=0
        First epochs, in which the loss has not set in, and which are none of these.

    Attributes
    ----------
    weights : dict
        A copy of the best module's state.
    """

    def __init__(self, held_out, coverage, patience=None, n_warm_up=0):
        self.held_out, self.coverage, self.patience = held_out, coverage, patience
        self.n_warm_up = n_warm_up
        self.weights, self._best, self._n_waited = None, -1.0, 0

    def on_epoch_end(self, net, **kwargs):
        accuracy = self._accuracy(net)
        net.history.record("valid_accuracy", accuracy)
        is_warm = len(net.history) > self.n_warm_up
        is_best = is_warm and accuracy > self._best
        net.history.record("valid_accuracy_best", is_best)
        if not is_warm:
            return
        if is_best:
            self._best, self._n_waited = accuracy, 0
            self.weights = copy.deepcopy(net.module_.state_dict())
            return
        self._n_waited += 1
        if self.patience is not None and self._n_waited >= self.patience:
            raise KeyboardInterrupt

    @torch.no_grad()
    def _accuracy(self, net):
        module = net.module_.eval()
        x, target = self.held_out.batch(slice(None))
        output = module(x.to(net.device))
        right = (output.logits.argmax(1).cpu() == target.label).numpy()
        score = module.loss.query_score(output).float().cpu().numpy()
        return accuracy_at_coverage(
            score,
            right,
            target.global_right.numpy(),
            coverage=self.coverage,
            sample_weight=target.weight.numpy(),
        )
