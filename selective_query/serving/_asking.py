"""Requests that may fail: retries, deadlines and a circuit breaker."""

import asyncio
import random
import time
from dataclasses import dataclass
from math import inf

from selective_query.exceptions import (
    GlobalUnavailableError,
    NotAskedError,
    RefusedError,
    TooLateError,
)
from selective_query.serving._breaker import PROBE, Breaker
from selective_query.serving._loop import running_loop

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
# Interval at which the breaker is polled while a probe is under way.
POLL_S = 0.02
# Lets the waiting thread continue before this one closes connections.
CANCEL_DELAY_S = 0.005
# HTTP statuses that blame this request and imply nothing about other requests.
ABOUT_THE_REQUEST = {400, 413, 415, 422}


@dataclass(frozen=True)
class Patience:
    """Time limits and retries; times in ms.

    Parameters
    ----------
    deadline_ms : float
        Limit for a request, including all attempts and the wait for a free slot.
    call_deadline_ms : float or None
        Limit for a call, including all its requests.
    timeout_ms : float or None
        Limit for an attempt.
    attempts : int
        Maximum number of attempts for a request.
    failures_to_open : int or None
        Consecutive failures after which the breaker opens.
    recovery_ms : float
        Interval between the probes of an open breaker.
    max_concurrency : int
        Maximum number of simultaneous requests.
    """

    deadline_ms: float
    call_deadline_ms: float | None
    timeout_ms: float | None
    attempts: int
    failures_to_open: int | None
    recovery_ms: float
    max_concurrency: int

    @property
    def request_ms(self):
        """Time limit of a request sent at the start of its call."""
        return min(self.deadline_ms, self.call_deadline_ms or inf)


@dataclass(frozen=True)
class Manner:
    """How a call treats failed requests.

    Parameters
    ----------
    pauses : bool
        Whether to pause between attempts. If a fallback exists, a pause only delays
        the answer.
    is_patient : bool, default=False
        Whether nobody waits for the call, as when a report is computed. The call then
        has no overall deadline. While the breaker is open, it waits for up to
        `attempts` probes.
    """

    pauses: bool
    is_patient: bool = False


HASTY, CALM, PATIENT = Manner(False), Manner(True), Manner(True, is_patient=True)


class Call:
    """State shared by the requests of one call.

    Parameters
    ----------
    asker : Asker
    manner : Manner
    began : float
        Start, by time.monotonic.
    """

    def __init__(self, asker, manner, began):
        self.manner, self.began, self.end = manner, began, inf
        self._breaker, self._probes = asker.breaker, asker.patience.attempts
        self._probes += self._breaker.failed_probes
        if asker.patience.call_deadline_ms is not None and not manner.is_patient:
            self.end = began + asker.patience.call_deadline_ms / 1000

    @property
    def is_over(self):
        """Whether the call may send no further request."""
        return time.monotonic() >= self.end

    @property
    def waits_for_probe(self):
        """Whether the call waits for a probe while the breaker is open."""
        return self.manner.is_patient and self._breaker.failed_probes < self._probes


class Asker:
    """Sends requests to one global and tracks their failures.

    Parameters
    ----------
    patience : Patience
    """

    def __init__(self, patience):
        self.patience, self.loop = patience, running_loop()
        self.breaker = Breaker(patience.failures_to_open, patience.recovery_ms / 1000)
        self.slots = asyncio.Semaphore(patience.max_concurrency)
        self._given_up = set()

    def turned_away(self, call=None):
        """Return the error of a request that would be turned away now, or None.

        Changes no state.

        Parameters
        ----------
        call : Call or None
            The call of the request; None for the first request of a call that does
            not wait for probes.
        """
        if call is not None and call.is_over:
            return self._late(self.patience.call_deadline_ms, "call_")
        waits = call is not None and call.waits_for_probe
        return self._not_asked() if self.breaker.is_shut() and not waits else None

    async def ask(self, send, call, since=None):
        """Return what `send()` returns, or why there is no answer.

        Parameters
        ----------
        send : coroutine function
            Raises `GlobalUnavailableError` if there is no answer; other errors
            propagate. It acquires a slot itself: one that cannot be cancelled
            releases the slot when it ends.
        call : Call
        since : float or None
            Start of its deadline, by time.monotonic; None for now.

        Returns
        -------
        result : object or None
        failure : GlobalUnavailableError or None
        attempts : int
        """
        found, failure, made = await self._ask_once(send, call, since)
        while failure is not None and self.breaker.is_shut() and call.waits_for_probe:
            await asyncio.sleep(max(self.breaker.seconds_to_probe(), POLL_S))
            found, failure, more = await self._ask_once(send, call)
            made += more
        return found, failure, made

    async def _ask_once(self, send, call, since=None):
        if call.is_over:
            return None, self._late(self.patience.call_deadline_ms, "call_"), 0
        passed = self.breaker.enter()
        if passed is None:
            await asyncio.sleep(0)  # many in a row would block the loop
            return None, self._not_asked(), 0
        since = time.monotonic() if since is None else since
        own_end = since + self.patience.deadline_ms / 1000
        end = min(own_end, call.end)
        tries = _Tries(self.patience, passed, call.manner.pauses, end)
        task = self.loop.create_task(tries.run(send))
        result, failure, tells = None, None, False
        try:
            await asyncio.wait({task}, timeout=max(end - time.monotonic(), 0))
            if task.done():
                result, tells = task.result(), True
            elif end < own_end:
                failure = self._late(
                    self.patience.call_deadline_ms, "call_", tries.last
                )
                tells = since <= call.began  # later requests had less time
            else:
                failure = self._late(self.patience.deadline_ms, "", tries.last)
                tells = True
        except GlobalUnavailableError as error:
            failure, tells = error, _concerns_other_requests(error)
        finally:
            self._cancel_soon(task)
            self.breaker.leave(passed, failure if tells else False)
        return result, failure, tries.made

    def _cancel_soon(self, task):
        """Cancel a task, after a delay that lets the caller continue first."""
        if task.done():
            return
        self._given_up.add(task)
        task.add_done_callback(self._ended)
        self.loop.call_later(CANCEL_DELAY_S, task.cancel)

    def _ended(self, task):
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # for example, a connection that broke while closing

    def _late(self, ms, of, last=None):
        before = f" An attempt before: {last}" if last else ""
        return TooLateError(f"No answer came within {of}deadline_ms={ms:g}.{before}")

    def _not_asked(self):
        return NotAskedError(
            f"Not asked, for {self.patience.failures_to_open} requests or more failed "
            f"in a row; one is tried every {self.patience.recovery_ms:g} ms. The last "
            f"failure: {self.breaker.last_failure}"
        )


def _concerns_other_requests(error):
    """Whether a failure says something about other requests too."""
    return getattr(error, "status", None) not in ABOUT_THE_REQUEST


class _Tries:
    """The attempts of one request; `made` counts them even if time runs out."""

    def __init__(self, patience, passed, pauses, end):
        self.timeout_ms, self.pauses, self.end = patience.timeout_ms, pauses, end
        self.made, self.last = 0, None
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
        if not self.pauses:
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
