"""The training loop, based on skorch: batches, losses, learning-rate schedule."""

import inspect
import math

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler, ProgressBar
from torch.utils.data import Dataset

from selective_query.nets.training.losses import CrossEntropy

ROWS_AT_ONCE = 1000
OF_USER = "user_"


class StopTraining(Exception):
    """Raised by a callback to stop training early."""


class Rows(Dataset):
    """Inputs and targets in memory, sliced into batches.

    Parameters
    ----------
    X : tensor of shape (n_samples, ...)
        Any numeric dtype; batches are cast to float32.
    target : Target or None
    """

    def __init__(self, X, target=None):
        self.X, self.target = X, target

    def __len__(self):
        return len(self.X)

    def batch(self, rows, augment=None):
        """Return inputs and targets of some rows."""
        x = self.X[rows].float()
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        if augment is not None:
            x = augment(x)
        if self.target is None:
            return x, None
        return x, self.target.pick(rows)

    def pick(self, rows):
        """Return some of the rows."""
        return Rows(self.X[rows], self.target.pick(rows))


class ShuffledBatches:
    """Batches of equal size, reshuffled each epoch; leftover rows are skipped."""

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


def outputs_of(module, rows, device):
    """Yield the outputs of a net in chunks of rows.

    Parameters
    ----------
    module : RoutedNet
        In evaluation mode, on the device.
    rows : Rows
    device : str

    Yields
    ------
    NetOutput
        On the device.
    """
    for start in range(0, max(len(rows), 1), ROWS_AT_ONCE):
        x, _ = rows.batch(slice(start, start + ROWS_AT_ONCE))
        yield module(x.to(device))


class Engine(NeuralNet):
    """skorch's training loop for nets with a NetOutput and losses per row."""

    def train_on(self, rows):
        """Train on rows; unlike in `partial_fit`, Ctrl-C is not an early stop.

        Raises
        ------
        ValueError
            If a loss in the last epoch is infinite or NaN.
        """
        self.notify("on_train_begin", X=rows, y=None)
        try:
            self.fit_loop(rows)
        except StopTraining:
            pass
        finally:
            self.notify("on_train_end", X=rows, y=None)
        # A callback may have stopped within an epoch, which then has no mean.
        losses = [batch.get("train_loss", 0) for batch in self.history[-1, "batches"]]
        if not all(map(math.isfinite, losses)):
            raise ValueError(
                "The loss became infinite or NaN. Look for NaN in X, or lower "
                f"learning_rate={self.lr}."
            )
        return self

    def notify(self, method_name, **cb_kwargs):
        getattr(self, method_name)(self, **cb_kwargs)
        for name, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                # skorch's callbacks also stop early this way.
                if name.startswith(OF_USER) and "_train_" not in method_name:
                    raise StopTraining from interrupt
                raise

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        charged = self.charging_loss(y_pred, y_true)
        return (charged * y_true.weight).sum() / y_true.weight.sum()

    @property
    def charging_loss(self):
        """Loss of the current epoch: cross-entropy during the warm-up."""
        loss = self.module_.loss
        return CrossEntropy() if len(self.history) <= loss.n_warm_up else loss

    def train_step_single(self, batch, **fit_params):
        x, target = batch
        target = target.to(self.device)
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            step = super().train_step_single((x, target), **fit_params)
            with torch.no_grad():
                self.charging_loss.step(step["y_pred"], target)
        return step


def find_device(name):
    """Resolve `torch_device`: "auto" is CUDA if available, else the CPU.

    Raises
    ------
    ValueError
        If the device is unknown or unavailable.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except (AssertionError, ImportError, RuntimeError) as error:
        raise ValueError(
            "torch_device must be 'auto', 'cpu' or another available device, such as "
            f"'cuda'. Got {name!r} ({str(error).splitlines()[0]}). 'auto' uses CUDA "
            "if it is available."
        ) from error
    return name


def make_engine(module, settings, n_rows, keeper=None):
    """Create an engine with the callbacks from the settings.

    Parameters
    ----------
    module : RoutedNet
    settings : NetClassifier
        Provides the parameters.
    n_rows : int
    keeper : BestEpoch or None, default=None
        Keeps the weights of the best epoch.

    Returns
    -------
    Engine

    Raises
    ------
    TypeError
        If a callback is not a skorch callback.
    ValueError
        If the device is unavailable.
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
    if keeper is not None:
        callbacks.append(("keeper", keeper))
    if settings.verbose:
        callbacks.append(("bar", ProgressBar(batches_per_epoch=n_rows // batch_size)))
    for number, callback in enumerate(settings.callbacks or []):
        kind = callback if inspect.isclass(callback) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"callbacks must hold callbacks of skorch. Got {callback!r}. Pass "
                "objects, such as skorch.callbacks.EpochTimer()."
            )
        callbacks.append((f"{OF_USER}{number}", callback))
    return Engine(
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
        device=find_device(settings.torch_device),
        verbose=settings.verbose,
        # Ray replaces print, and skorch's log would always show.
        **({} if settings.verbose else {"callbacks__print_log": None}),
    )
