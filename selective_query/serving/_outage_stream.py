"""Simulate a stream of inputs, one at a time, through an unreliable cloud."""

from dataclasses import dataclass

import numpy as np

from selective_query.exceptions import (
    BadAnswerError,
    NotAskedError,
    RefusedError,
    TooLateError,
    UnreachableError,
)
from selective_query.serving._breaker import PROBE, Breaker

ANSWER, STALE = "", "stale"
BAD, REFUSED = BadAnswerError.reason, RefusedError.reason
UNREACHABLE, LATE = UnreachableError.reason, TooLateError.reason
NOT_ASKED = NotAskedError.reason


@dataclass(frozen=True, eq=False)
class Draws:
    """All random numbers, drawn in advance: one entry per input and attempt.

    Parameters
    ----------
    round_trip_ms, cloud_ms, uniform : ndarray of shape (n_inputs, n_attempts)
    sending_ms : float
    """

    round_trip_ms: np.ndarray
    cloud_ms: np.ndarray
    uniform: np.ndarray
    sending_ms: float

    @classmethod
    def of(cls, deployment, n_inputs, n_attempts, rng):
        """Draw from the link and cloud of a deployment."""
        shape, n = (n_inputs, n_attempts), n_inputs * n_attempts
        return cls(
            deployment.link.draw_round_trip_ms(rng, n).reshape(shape),
            deployment.cloud.draw_ms(rng, n).reshape(shape),
            rng.random(shape),
            deployment.link.transfer_ms(deployment.payload_bytes),
        )


@dataclass(frozen=True, eq=False)
class Stream:
    """Result of each input.

    Attributes
    ----------
    outcome : ndarray of shape (n_inputs,) of str
        "" where the base answered by the rule or the global answered; "stale" where the
        global answered with another model; otherwise why the global did not answer.
    latency_ms : ndarray of shape (n_inputs,)
    attempts : ndarray of shape (n_inputs,) of int
    replies : ndarray of shape (n_inputs,) of int
        Attempts that the cloud processed and charges for.
    """

    outcome: np.ndarray
    latency_ms: np.ndarray
    attempts: np.ndarray
    replies: np.ndarray


def run_stream(kept, here_ms, every_ms, draws, outage, patience):
    """Answer the inputs in order, each once it has arrived and the last is answered.

    Parameters
    ----------
    kept : ndarray of shape (n_inputs,), bool
    here_ms : float
        Time of base and router per input.
    every_ms : float
        Interval between arrivals.
    draws : Draws
    outage : Outage
    patience : Patience

    Returns
    -------
    Stream
    """
    clock = _Clock()
    breaker = Breaker(patience.failures_to_open, patience.recovery_ms, clock)
    n = len(kept)
    outcome, latency = np.full(n, ANSWER, dtype="U12"), np.full(n, float(here_ms))
    attempts, replies = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    for number in range(n):
        start = max(clock.now, number * every_ms)
        clock.now = start + here_ms
        if not kept[number]:
            asked = _Asked(number, clock, draws, outage, patience)
            outcome[number] = asked.run(breaker)
            attempts[number], replies[number] = asked.attempts, asked.replies
            latency[number] = clock.now - start
    return Stream(outcome, latency, attempts, replies)


class _Clock:
    now = 0.0

    def __call__(self):
        return self.now


class _Asked:
    """One query, simulated as `Asker` and `_Tries` run it, on the simulated clock."""

    def __init__(self, number, clock, draws, outage, patience):
        self.number, self.clock, self.draws = number, clock, draws
        self.outage, self.patience = outage, patience
        self.attempts = self.replies = 0

    def run(self, breaker):
        passed = breaker.enter()
        if passed is None:
            return NOT_ASKED
        allowed = 1 if passed == PROBE else self.patience.attempts
        end, found = self.clock.now + self.patience.request_ms, LATE
        while self.attempts < allowed and self.clock.now < end:
            found = self._attempt(end)
            if found in (ANSWER, STALE):
                break
        breaker.leave(passed, None if found in (ANSWER, STALE) else found)
        return found

    def _attempt(self, end):
        place = self.number, self.attempts
        self.attempts += 1
        round_trip = self.draws.sending_ms + self.draws.round_trip_ms[place]
        cloud, chance = self.draws.cloud_ms[place], self.draws.uniform[place]
        found, ms, worked = self.outage.reply(self.clock.now, round_trip, cloud, chance)
        self.replies += worked
        most = end - self.clock.now
        if self.patience.timeout_ms is not None:
            most = min(most, self.patience.timeout_ms)
        self.clock.now += min(ms, most)
        return found if ms <= most else LATE
