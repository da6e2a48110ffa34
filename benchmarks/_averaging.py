"""A running mean of a net's weights over the steps of training."""

import copy

import torch
from skorch.callbacks import Callback
from torch.optim.swa_utils import update_bn


class WeightAverage(Callback):
    """Keep the exponential moving average of the weights.

    It is a plain mean until the horizon is reached, so the first weights have no
    influence.

    Parameters
    ----------
    share : float
        Horizon of the mean, as a share of all steps: with 1,000 steps, 0.02 gives the
        newest weights a weight of 1 / 20.
    batches : ShuffledBatches
        Batches of the training rows, without augmentation.
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
        """Load the mean into a module, and recompute its normalisation statistics."""
        if self._mean is None:  # stopped before the first step
            return
        module.load_state_dict(self._mean)
        update_bn(self.batches, module, self._device)
