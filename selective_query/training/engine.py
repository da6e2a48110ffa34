"""The training loop, on skorch: batches of tensors, our losses, the learning rate."""

import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler, ProgressBar
from torch.utils.data import Dataset

from selective_query.training.losses import CrossEntropy

ROWS_AT_ONCE = 1000


class Rows(Dataset):
    """Inputs and targets in memory; a batch is cut out of them at once.

    Parameters
    ----------
    X : tensor of shape (n_samples, ...)
        Of any numeric type; batches are cast to float32.
    target : Target or None
    """

    def __init__(self, X, target=None):
        self.X, self.target = X, target

    def __len__(self):
        return len(self.X)

    def batch(self, rows, augment=None):
        """Inputs of some rows, and their targets."""
        x = self.X[rows].float()
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        if augment is not None:
            x = augment(x)
        if self.target is None:
            return x, None
        return x, self.target.pick(rows)

    def pick(self, rows):
        """The same of some rows."""
        return Rows(self.X[rows], self.target.pick(rows))


class ShuffledBatches:
    """Batches of equal size in a new order each epoch; rows left over wait."""

    def __init__(self, dataset, batch_size, augment=None):
        self.dataset, self.augment = dataset, augment
        self.batch_size = min(batch_size, len(dataset))

    def __len__(self):
        return len(self.dataset) // self.batch_size

    def __iter__(self):
        order = torch.randperm(len(self.dataset))
        for number in range(len(self)):
            start = number * self.batch_size
            rows = order[start : start + self.batch_size]
            yield self.dataset.batch(rows, self.augment)


class Engine(NeuralNet):
    """skorch's loop for nets that put out a NetOutput and losses that charge rows."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        target = y_true.to(self.device)
        loss = self.module_.loss
        if len(self.history) <= loss.n_warm_up:
            loss = CrossEntropy()
        charged = loss(y_pred, target)
        return (charged * target.weight).sum() / target.weight.sum()

    def train_step_single(self, batch, **fit_params):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.mixed_precision):
            return super().train_step_single(batch, **fit_params)


def make_engine(module, settings, n_rows, best_epoch=None):
    """An engine for some rows, with the callbacks that the settings ask for.

    Parameters
    ----------
    module : RoutedNet
    settings : NetClassifier
        Whose parameters these are.
    n_rows : int
    best_epoch : BestEpoch or None, default=None

    Returns
    -------
    Engine
    """
    batch_size = min(settings.batch_size, n_rows)
    n_steps = settings.n_epochs * (n_rows // batch_size)
    callbacks = [
        (
            "learning_rate",
            LRScheduler(
                torch.optim.lr_scheduler.OneCycleLR,
                max_lr=settings.learning_rate,
                total_steps=n_steps,
                step_every="batch",
            ),
        )
    ]
    if best_epoch is not None:
        callbacks.append(("best_epoch", best_epoch))
    if settings.verbose:
        callbacks.append(("bar", ProgressBar(batches_per_epoch=n_rows // batch_size)))
    callbacks += [
        (f"user_{number}", callback)
        for number, callback in enumerate(settings.callbacks or [])
    ]
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    engine = Engine(
        module,
        criterion=torch.nn.Identity,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        optimizer__nesterov=True,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.learning_rate,
        max_epochs=settings.n_epochs,
        batch_size=batch_size,
        iterator_train=ShuffledBatches,
        iterator_train__augment=settings.augment,
        train_split=None,
        callbacks=callbacks,
        device=device,
        verbose=settings.verbose,
        # Where Ray has replaced print, skorch's log would show in any case.
        **({} if settings.verbose else {"callbacks__print_log": None}),
    )
    engine.mixed_precision = device == "cuda"
    return engine
