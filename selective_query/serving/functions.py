"""CallableClassifier: any function that answers, with a deadline and a limit."""

import asyncio
import inspect
import threading

import numpy as np

from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    RefusedError,
    TooLateError,
    UnreachableError,
)
from selective_query.serving._elsewhere import METHODS, PROBA, AnsweringElsewhere


class CallableClassifier(AnsweringElsewhere):
    """A function as a global: an SDK, a large language model behind an interface.

    It is frozen by nature: a hybrid asks it and never fits it.

    Parameters
    ----------
    function : callable
        Takes some rows, in the container they came in, and returns their answers; a
        coroutine function, or one that may block and runs in a thread. Whatever it
        raises counts as a refusal, a ``ConnectionError`` or ``TimeoutError`` as what it
        says. One that is too late cannot be stopped: its thread runs on, and counts
        towards `max_concurrency` until it ends.
    classes : array-like of shape (n_classes,)
        Labels, in the order of the columns.
    method : {"predict_proba", "predict"}, default="predict"
        What it returns: a distribution for each row, or a label.
    batch_rows : int, default=1
        Rows of a call at most.
    max_concurrency : int, default=4
        Calls at a time, of all threads together.
    deadline_ms : float, default=1000
        In which a call must be answered, over all attempts and the wait for its turn
        among others.
    timeout_ms : float or None, default=None
        In which an attempt must be; None leaves it what is left of the deadline.
    attempts : int, default=2
    failures_to_open : int or None, default=3
        Calls that fail in a row, after which it is not asked any more but for one probe
        every `recovery_ms`. None asks on.
    recovery_ms : float, default=5000

    Examples
    --------
    >>> from selective_query.serving import CallableClassifier
    >>> def read(texts):
    ...     return ["spam" if "win" in text else "ham" for text in texts]
    >>> model = CallableClassifier(read, classes=["ham", "spam"])
    >>> model.predict(["win a car", "see you at noon"]).tolist()
    ['spam', 'ham']
    """

    def __init__(
        self,
        function,
        *,
        classes,
        method=METHODS[1],
        batch_rows=1,
        max_concurrency=4,
        deadline_ms=1000.0,
        timeout_ms=None,
        attempts=2,
        failures_to_open=3,
        recovery_ms=5000.0,
    ):
        self.function = function
        self.classes = classes
        self.method = method
        self.batch_rows = batch_rows
        self.max_concurrency = max_concurrency
        self.deadline_ms = deadline_ms
        self.timeout_ms = timeout_ms
        self.attempts = attempts
        self.failures_to_open = failures_to_open
        self.recovery_ms = recovery_ms

    def _check(self):
        super()._check()
        if self.classes is None:
            raise ValueError(
                "classes must be the labels that the function answers with. Got None."
            )
        if not callable(self.function):
            raise TypeError(
                "function must take rows and return their answers. Got "
                f"{self.function!r:.60}."
            )

    def _open(self, asker):
        return _Function(asker, self.function, self.classes_, self.method)


class _Function:
    """Calls of one function, so many at a time."""

    def __init__(self, asker, function, classes, method):
        self.asker, self._function, self._classes = asker, function, classes
        self._dtype = float if method == PROBA else None

    async def known(self):
        return self._classes

    async def send(self, rows):
        await self.asker.slots.acquire()
        try:
            if inspect.iscoroutinefunction(self._function):
                found = await self._awaited(rows)
            else:
                found = await self._in_thread(rows)
        except GlobalUnavailableError:
            raise
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise TooLateError("The function ran into a timeout.") from error
        except ConnectionError as error:
            raise UnreachableError(f"The function raised {_name(error)}.") from error
        except Exception as error:
            raise RefusedError(f"The function raised {_name(error)}.") from error
        if hasattr(found, "iloc"):  # a frame says itself which column and row is which
            return found, self._classes
        try:
            return np.asarray(found, self._dtype), self._classes
        except (TypeError, ValueError) as error:
            raise BadAnswerError(f"The function's answers are none: {error}") from error

    async def _awaited(self, rows):
        try:
            return await self._function(rows)
        finally:
            self.asker.slots.release()

    async def _in_thread(self, rows):
        loop, ended = self.asker.loop, self.asker.loop.create_future()

        def run():
            try:
                result, error = self._function(rows), None
            except BaseException as raised:
                result, error = None, raised
            loop.call_soon_threadsafe(finish, result, error)

        def finish(result, error):
            self.asker.slots.release()
            if ended.done():  # nobody waits any longer
                return
            if error is None:
                ended.set_result(result)
            elif isinstance(error, Exception) and not isinstance(error, StopIteration):
                ended.set_exception(error)
            else:
                ended.set_exception(RefusedError(f"It raised {_name(error)}."))

        threading.Thread(target=run, daemon=True).start()
        return await ended

    def close(self):
        """Nothing is kept open."""


def _name(error):
    return type(error).__name__
