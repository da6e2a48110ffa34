"""A running mean of a net's weights over the steps of training."""

import copy

import torch
from skorch.callbacks import Callback
from torch.optim.swa_utils import update_bn


class WeightAverage(Callback):
    """Keep the exponential moving average of the weights.

    A plain mean until the horizon is reached, so that first weights leave no trace.

    Parameters
    ----------
    share : float
        Horizon of the mean, as a share of all steps: of 1,000 steps, 0.02 lets the
        newest weights count 1 / 20.
    batches : ShuffledBatches
        Of the rows that are trained on, not augmented.
    """

    def __init__(self, share, batches):
        self.share, self.batches = share, batches

    def on_train_begin(self, net, **kwargs):
        self._mean, self._n_steps, self._device = None, 0, net.device
        self._horizon = max(1, self.share * net.max_epochs * len(self.batches))

    @torch.no_grad()
    def on_batch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self._n_steps += 1
        if self._mean is None:
            self._mean = copy.deepcopy(state)
            return
        newest = 1 / min(self._n_steps, self._horizon)
        for name, value in state.items():
            if value.is_floating_point():
                self._mean[name].lerp_(value, newest)

    def load_into(self, module):
        """Give a module the mean, and its normalisation the statistics under it."""
        if self._mean is None:  # stopped before a step was made
            return
        module.load_state_dict(self._mean)
        update_bn(self.batches, module, self._device)
