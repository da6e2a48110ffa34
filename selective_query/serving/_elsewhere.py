"""Base class of classifiers whose model runs elsewhere."""

import functools
import threading
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if

from selective_query._models.replies import (
    Replies,
    all_failed,
    usable,
    usable_labels,
)
from selective_query._utils.numbers import check_positive, check_whole
from selective_query._utils.validation import check_choice
from selective_query.exceptions import BadAnswerError
from selective_query.outcomes.probabilities import top_class
from selective_query.serving._asking import (
    CALM,
    HASTY,
    PATIENT,
    Asker,
    Call,
    Patience,
)
from selective_query.serving._loop import (
    after_fork,
    result_of,
    running_loop,
    wait_for_result,
)
from selective_query.serving._rows import RowsOnTheirWay

METHODS = PROBA, LABELS = "predict_proba", "predict"
EXPECTED = {
    PROBA: "a row of probabilities, one for each label of `classes`",
    LABELS: "one label for each row",
}
_opening = threading.Lock()


def _gives_probabilities(self):
    if self.method != PROBA:
        raise AttributeError(
            f"predict_proba is not offered, because method={self.method!r}."
        )
    return True


class AnsweringElsewhere(ClassifierMixin, BaseEstimator):
    """A classifier whose answers may be late, invalid or missing.

    Subclasses have the parameters of `Patience`, `classes`, `method` and `batch_rows`.
    ``_open(asker)`` returns a channel with: ``asker``; ``known()``, a coroutine that
    returns the labels; ``send(rows)``, a coroutine that returns answers and the labels
    of their columns, and raises only `GlobalUnavailableError`; and ``close()``.
    """

    frozen_by_nature = True

    def fit(self, X=None, y=None):
        """Check the parameters only: the model is already fitted.

        Parameters
        ----------
        X, y : ignored

        Returns
        -------
        self
        """
        self._check()
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        """Labels, in the order of the columns of ``predict_proba``."""
        return np.asarray(self.classes)

    def predict(self, X):
        """Predict labels.

        Pauses between attempts, which ``ask_rows`` by default does not.

        Parameters
        ----------
        X : array-like of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        GlobalUnavailableError
            If a row has no usable answer.
        """
        return self._labels(wait_for_result(self._ask(X, CALM)))

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        GlobalUnavailableError
            As ``predict`` does.
        """
        return _all_of(wait_for_result(self._ask(X, CALM)))

    async def predict_async(self, X):
        """Predict from a coroutine on any event loop.

        Parameters
        ----------
        X : array-like of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        GlobalUnavailableError
            As ``predict`` does.
        """
        return self._labels(await result_of(self._ask(X, CALM)))

    def ask_rows(self, X, *, pauses=False, patient=False):
        """Ask about rows; failures are returned per row instead of raised.

        Parameters
        ----------
        X : array-like of length n_samples
        pauses : bool, default=False
            Whether to pause between attempts; for use without a fallback.
        patient : bool, default=False
            Whether nobody waits for the answers, as when a report is computed. Then
            there are pauses, `call_deadline_ms` does not apply, and after too many
            recent failures the call waits for up to `attempts` probes.

        Returns
        -------
        Replies
            With ``values``, ``failure``, ``attempts`` and ``latency_ms``.
        """
        manner = PATIENT if patient else CALM if pauses else HASTY
        if not patient:
            error = self._live().asker.turned_away()
            if error is not None:
                return Replies.at_once(None, all_failed(error, X), 0.0, attempts=0)
        return wait_for_result(self._ask(X, manner))

    async def ask_rows_async(self, X):
        """Run ``ask_rows`` from a coroutine on any event loop.

        Parameters
        ----------
        X : array-like of length n_samples

        Returns
        -------
        Replies
        """
        return await result_of(self._ask(X, HASTY))

    def close(self):
        """Close connections; the next call opens new ones."""
        with _opening:
            channel = vars(self).pop("_channel", None)
        if channel is not None:
            channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def set_params(self, **params):
        """Set parameters; connections and the failure history are dropped.

        Parameters
        ----------
        **params : object
            Parameters of the class.

        Returns
        -------
        self
        """
        self.close()
        vars(self).pop("_told", None)
        return super().set_params(**params)

    def __sklearn_clone__(self):
        # Functions and the objects they are bound to often cannot be copied.
        return type(self)(**self.get_params(deep=False))

    def __getstate__(self):
        state = super().__getstate__().copy()
        state.pop("_channel", None)
        return state

    def _check(self):
        check_choice(self.method, "method", METHODS)
        check_positive(self.deadline_ms, "deadline_ms")
        check_positive(self.recovery_ms, "recovery_ms")
        for name in ("timeout_ms", "call_deadline_ms"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name)
        for name in ("attempts", "max_concurrency", "batch_rows"):
            check_whole(getattr(self, name), name, 1)
        if self.failures_to_open is not None:
            check_whole(self.failures_to_open, "failures_to_open", 1)
        if self.classes is not None and (
            np.ndim(self.classes) != 1 or not np.size(self.classes)
        ):
            raise ValueError(
                "classes must be at least one label, in the order of the columns. "
                f"Got {self.classes!r:.60}."
            )

    def _live(self):
        """Return the channel with its connections, opened on first use."""
        channel = vars(self).get("_channel")
        if channel is not None and channel.asker.loop is running_loop():
            return channel
        with _opening:
            channel = vars(self).get("_channel")
            if channel is None or channel.asker.loop is not running_loop():
                self._check()
                names = Patience.__dataclass_fields__
                patience = Patience(**{name: getattr(self, name) for name in names})
                channel = self._channel = self._open(Asker(patience))
        return channel

    def _ask(self, X, manner):
        """Return a coroutine whose deadlines start now."""
        return self._replies(X, manner, time.monotonic())

    async def _replies(self, X, manner, began):
        channel = self._live()
        (X,) = indexable(X)
        call = Call(channel.asker, manner, began)
        rows = RowsOnTheirWay(X, call)

        def ask(some, since):
            send = functools.partial(self._answers_of, channel, some)
            return channel.asker.ask(send, call, since)

        turned_away = functools.partial(channel.asker.turned_away, call)
        await rows.send(ask, turned_away, self.batch_rows, self.max_concurrency)
        return rows.replies(None if rows.n else await self._empty_answers(channel))

    async def _answers_of(self, channel, rows):
        """Return values and failures of some rows; raise if all rows failed."""
        raw, known = await channel.send(rows)
        check = usable if self.method == PROBA else usable_labels
        try:
            values, failure = check(raw, known, rows, type(self).__name__)
        except Exception as error:  # objects that cannot even be inspected
            raise BadAnswerError(
                f"An answer that cannot be read: {type(error).__name__}."
            ) from error
        if values is None:
            (other,) = {*METHODS} - {self.method}
            raise BadAnswerError(
                f"{failure[0]} method={self.method!r} expects {EXPECTED[self.method]}; "
                f"for {EXPECTED[other]}, set method={other!r}."
            )
        if len(failure) and not np.equal(failure, None).any():
            raise failure[0]
        return values, failure

    async def _empty_answers(self, channel):
        known = await self._known(channel)
        shape = (0, len(known)) if self.method == PROBA else 0
        return np.empty(shape, float if self.method == PROBA else known.dtype)

    async def _known(self, channel):
        call = Call(channel.asker, CALM, time.monotonic())
        known, error, _ = await channel.asker.ask(channel.known, call)
        if error is not None:
            raise error
        return known

    def _labels(self, replies):
        values = _all_of(replies)
        return self.classes_[top_class(values)] if values.ndim == 2 else values


def _all_of(replies):
    replies.raise_failure()
    return replies.values


def _renew_lock():
    global _opening
    _opening = threading.Lock()


after_fork(_renew_lock)
