"""A request that may fail: attempts, a deadline over all of them, and a breaker."""

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
# Between two looks at a breaker while a probe is under way.
POLL_S = 0.02
# For the thread that waits to go on, before connections are closed by this one.
TIDY_AFTER_S = 0.005
# Of HTTP: the fault is in this request, and says nothing of others.
ABOUT_THE_REQUEST = {400, 413, 415, 422}


@dataclass(frozen=True)
class Patience:
    """How long and how often is asked; times in ms.

    Parameters
    ----------
    deadline_ms : float
        Of a request, over all attempts and the wait for its turn.
    call_deadline_ms : float or None
        Of a call, over all its requests.
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
    call_deadline_ms: float | None
    timeout_ms: float | None
    attempts: int
    failures_to_open: int | None
    recovery_ms: float
    max_concurrency: int

    @property
    def request_ms(self):
        """The time of a request that sets out when its call begins."""
        return min(self.deadline_ms, self.call_deadline_ms or inf)


@dataclass(frozen=True)
class Manner:
    """How a call goes about its requests.

    Parameters
    ----------
    pauses : bool
        Whether to pause between attempts. With something to fall back on, a pause is
        time lost to whoever waits for the answer.
    is_patient : bool, default=False
        Whether nobody waits for it, as for a report. It then has no deadline over all
        its requests, and waits for the probes of an open breaker, as many as attempts.
    """

    pauses: bool
    is_patient: bool = False


HASTY, CALM, PATIENT = Manner(False), Manner(True), Manner(True, is_patient=True)


class Call:
    """What the requests of one call share.

    Parameters
    ----------
    asker : Asker
    manner : Manner
    began : float
        By time.monotonic.
    """

    def __init__(self, asker, manner, began):
        self.manner, self.began, self.end = manner, began, inf
        self._breaker, self._probes = asker.breaker, asker.patience.attempts
        self._probes += self._breaker.failed_probes
        if asker.patience.call_deadline_ms is not None and not manner.is_patient:
            self.end = began + asker.patience.call_deadline_ms / 1000

    @property
    def is_over(self):
        """Whether no further request of it may set out."""
        return time.monotonic() >= self.end

    @property
    def waits_for_probe(self):
        """Whether it waits while the breaker is open."""
        return self.manner.is_patient and self._breaker.failed_probes < self._probes


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
        self._given_up = set()

    def turned_away(self, call=None):
        """The error of a request that would not set out now, or None; changes nothing.

        Parameters
        ----------
        call : Call or None
            That it is of; None for the first of a call that waits for no probe.
        """
        if call is not None and call.is_over:
            return self._late(self.patience.call_deadline_ms, "call_")
        waits = call is not None and call.waits_for_probe
        return self._not_asked() if self.breaker.is_shut() and not waits else None

    async def ask(self, send, call, since=None):
        """What `send()` returns, or why nothing came.

        Parameters
        ----------
        send : coroutine function
            Raises `GlobalUnavailableError` where no answer came; what else it raises is
            raised here. Takes a slot by itself: one that cannot be stopped gives it
            back when it ends.
        call : Call
        since : float or None
            When its time began to run, by time.monotonic; None for now.

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
            await asyncio.sleep(0)  # many in a row would stop the loop for all others
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
                tells = since <= call.began  # others had less time than they might
            else:
                failure = self._late(self.patience.deadline_ms, "", tries.last)
                tells = True
        except GlobalUnavailableError as error:
            failure, tells = error, _tells_of_others(error)
        finally:
            self._give_up(task)
            self.breaker.leave(passed, failure if tells else False)
        return result, failure, tries.made

    def _give_up(self, task):
        """End a task once whoever waits has been told, at no cost to them."""
        if task.done():
            return
        self._given_up.add(task)
        task.add_done_callback(self._ended)
        self.loop.call_later(TIDY_AFTER_S, task.cancel)

    def _ended(self, task):
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # as of a connection that broke as it was closed

    def _late(self, ms, of, last=None):
        before = f" An attempt before: {last}" if last else ""
        return TooLateError(f"No answer came within {of}deadline_ms={ms:g}.{before}")

    def _not_asked(self):
        return NotAskedError(
            f"Not asked, for {self.patience.failures_to_open} requests or more failed "
            f"in a row; one is tried every {self.patience.recovery_ms:g} ms. The last "
            f"failure: {self.breaker.last_failure}"
        )


def _tells_of_others(error):
    """Whether a failure says something of other requests, and not of this alone."""
    return getattr(error, "status", None) not in ABOUT_THE_REQUEST


class _Tries:
    """The attempts of one request; `made` counts them, also when time runs out."""

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
