"""Keep the weights of the epoch whose hybrid is best on held-out rows."""

import copy

import torch
from skorch.callbacks import Callback

from selective_query.metrics import accuracy_at_coverage
from selective_query.nets.training._engine import StopTraining, outputs_of


def hold_out_rows(rows, share):
    """Split rows into training rows and a random held-out share.

    Parameters
    ----------
    rows : Rows
    share : float

    Returns
    -------
    train, held_out : Rows

    Raises
    ------
    ValueError
        If fewer than two training rows are left.
    """
    order = torch.randperm(len(rows))
    n_held_out = max(1, round(share * len(rows)))
    if len(rows) - n_held_out < 2:
        raise ValueError(
            f"validation={share} of {len(rows)} rows leaves fewer than two to train "
            "on. Give more rows or a smaller share."
        )
    return rows.pick(order[n_held_out:]), rows.pick(order[:n_held_out])


class BestEpoch(Callback):
    """Keep the weights of the epoch with the best accuracy at a coverage.

    Parameters
    ----------
    held_out : Rows
        Rows not used for training.
    coverage : float
    patience : int or None
        Stop after this many epochs without improvement.
    n_warm_up : int, default=0
        Initial epochs of the loss's warm-up, which are ignored.

    """

    def __init__(self, held_out, coverage, patience=None, n_warm_up=0):
        self.held_out, self.coverage, self.patience = held_out, coverage, patience
        self.n_warm_up = n_warm_up
        self._weights, self._best, self._n_waited = None, -1.0, 0

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
            self._weights = copy.deepcopy(net.module_.state_dict())
            return
        self._n_waited += 1
        if self.patience is not None and self._n_waited >= self.patience:
            raise StopTraining

    def load_into(self, module):
        """Load the best epoch's weights into a module, if there was one."""
        if self._weights is not None:
            module.load_state_dict(self._weights)

    @torch.no_grad()
    def _accuracy(self, net):
        module, target = net.module_.eval(), self.held_out.target
        answers, scores = [], []
        for output in outputs_of(module, self.held_out, net.device):
            answers.append(output.logits.argmax(1).cpu())
            scores.append(module.loss.query_score(output).float().cpu())
        return accuracy_at_coverage(
            torch.cat(scores).numpy(),
            (torch.cat(answers) == target.label).numpy(),
            target.global_right.numpy(),
            coverage=self.coverage,
            sample_weight=target.weight.numpy(),
        )
