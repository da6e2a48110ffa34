"""A request that may fail: attempts, a deadline over all of them, and a breaker."""

import asyncio
import random
import time
from dataclasses import dataclass

from selective_query.exceptions import (
    GlobalUnavailableError,
    NotAskedError,
    RefusedError,
    TooLateError,
)
from selective_query.serving._breaker import PROBE, Breaker
from selective_query.serving._loop import running_loop

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
# Of HTTP: the fault is in this request, and says nothing of others.
ABOUT_THE_REQUEST = {400, 413, 415, 422}


@dataclass(frozen=True)
class Patience:
    """How long and how often is asked; times in ms.

    Parameters
    ----------
    deadline_ms : float
        Of a request, over all attempts and the wait for its turn.
    timeout_ms : float or None
        Of an attempt.
    attempts : int
        At most.
    failures_to_open : int or None
        Failures in a row after which the breaker opens.
    recovery_ms : float
        From one probe of an open breaker to the next.
    max_concurrency : int
        Requests under way at a time.
    """

    deadline_ms: float
    timeout_ms: float | None
    attempts: int
    failures_to_open: int | None
    recovery_ms: float
    max_concurrency: int


class Asker:
    """Sends requests to one global and remembers how that went.

    Parameters
    ----------
    patience : Patience
    """

    def __init__(self, patience):
        self.patience, self.loop = patience, running_loop()
        self.breaker = Breaker(patience.failures_to_open, patience.recovery_ms / 1000)
        self.slots = asyncio.Semaphore(patience.max_concurrency)

    def turned_away(self):
        """The error of a request that the breaker does not let through now, or None."""
        return self._not_asked() if self.breaker.is_shut() else None

    async def ask(self, send, *, waits):
        """What `send()` returns, or why nothing came.

        Parameters
        ----------
        send : coroutine function
            Raises `GlobalUnavailableError` alone. Takes a slot by itself: one that
            cannot be stopped gives it back when it ends.
        waits : bool
            Whether to pause between attempts. With something to fall back on, a pause
            is time lost to whoever waits for the answer.

        Returns
        -------
        result : object or None
        failure : GlobalUnavailableError or None
        attempts : int
        """
        passed = self.breaker.enter()
        if passed is None:
            return None, self._not_asked(), 0
        tries, failure, result = _Tries(self.patience, passed, waits), False, None
        try:
            deadline_s = self.patience.deadline_ms / 1000
            result = await asyncio.wait_for(tries.run(send), deadline_s)
            failure = None
        except asyncio.TimeoutError:
            before = f" An attempt before: {tries.last}" if tries.last else ""
            failure = TooLateError(
                f"No answer came within deadline_ms={self.patience.deadline_ms:g}."
                f"{before}"
            )
        except GlobalUnavailableError as error:
            failure = error
        finally:
            says_nothing = getattr(failure, "status", None) in ABOUT_THE_REQUEST
            self.breaker.leave(passed, False if says_nothing else failure)
        return result, failure, tries.made

    def _not_asked(self):
        return NotAskedError(
            f"Not asked, for {self.patience.failures_to_open} requests or more failed "
            f"in a row; one is tried every {self.patience.recovery_ms:g} ms. The last "
            f"failure: {self.breaker.last_failure}"
        )


class _Tries:
    """The attempts of one request; `made` counts them, also when time runs out."""

    def __init__(self, patience, passed, waits):
        self.timeout_ms, self.waits, self.made = patience.timeout_ms, waits, 0
        self.last = None
        self.end = time.monotonic() + patience.deadline_ms / 1000
        self.allowed = 1 if passed == PROBE else patience.attempts

    async def run(self, send):
        while True:
            self.made += 1
            try:
                return await self._once(send)
            except GlobalUnavailableError as error:
                self.last = error
                if self.made >= self.allowed or _is_final(error):
                    raise
                pause_s = self._pause_s()
                if pause_s >= self.end - time.monotonic():
                    raise
            await asyncio.sleep(pause_s)

    def _pause_s(self):
        if not self.waits:
            return 0.0
        longest = min(FIRST_PAUSE_S * 2 ** (self.made - 1), LONGEST_PAUSE_S)
        return random.uniform(longest / 2, longest)

    async def _once(self, send):
        if self.timeout_ms is None:
            return await send()
        try:
            return await asyncio.wait_for(send(), self.timeout_ms / 1000)
        except asyncio.TimeoutError:
            raise TooLateError(
                f"No answer came within timeout_ms={self.timeout_ms:g}."
            ) from None


def _is_final(error):
    """Whether the same request would be refused again."""
    status = getattr(error, "status", None)
    if not isinstance(error, RefusedError) or status is None:
        return False
    return 300 <= status < 500 and status not in (408, 429)
