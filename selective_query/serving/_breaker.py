"""A circuit breaker: after repeated failures, only occasional probes are sent."""

import math
import threading
import time

NORMAL, PROBE = "normal", "probe"
# Prior failure rate of a healthy global, and the weight of that prior in requests.
PRIOR_RATE, PRIOR_WEIGHT = 0.01, 20
MEMORY = 200
# The threshold grows to at most this multiple of `n_failures`.
MAX_FACTOR = 10


class Breaker:
    """Decides whether requests may go to a global that failed recently.

    While the breaker is closed, all requests pass. After `n_failures` consecutive
    failures it opens: then only one probe passes every `period_s`, one at a time. The
    first probe that returns an answer closes it.

    If a share f of requests fails even in normal operation, the breaker requires a
    longer run of failures: one that chance produces as rarely as a run of `n_failures`
    at a failure rate of 1 %, that is, n = n_failures log(0.01) / log(f). Runs that
    opened the breaker do not count towards f.

    Parameters
    ----------
    n_failures : int or None
        Consecutive failures that open the breaker; None never opens it.
    period_s : float
    clock : callable, default=time.monotonic
    """

    def __init__(self, n_failures, period_s, clock=time.monotonic):
        self._n_failures, self._period_s, self._clock = n_failures, period_s, clock
        self._lock = threading.Lock()
        self._in_a_row, self._needed = 0, n_failures
        self._failed, self._counted = 0.0, 0.0
        self._next_probe, self._probing = 0.0, False
        self.last_failure, self.failed_probes = "", 0

    @property
    def _is_open(self):
        return self._needed is not None and self._in_a_row >= self._needed

    def is_shut(self):
        """Whether a request would be turned away now; changes nothing."""
        with self._lock:
            return self._turns_away()

    def seconds_to_probe(self):
        """Return the seconds until the next probe; 0 also while one is under way."""
        with self._lock:
            return max(self._next_probe - self._clock(), 0.0) if self._is_open else 0.0

    def _turns_away(self):
        if not self._is_open:
            return False
        return self._probing or self._clock() < self._next_probe

    def enter(self):
        """Return a pass for a request, to be handed to `leave`; None turns it away.

        Returns
        -------
        str or None
        """
        with self._lock:
            if self._turns_away():
                return None
            if not self._is_open:
                return NORMAL
            self._probing = True
            return PROBE

    def leave(self, passed, failure):
        """Record the result of a request.

        Parameters
        ----------
        passed : str
            The value that `enter` returned.
        failure : Exception, None or False
            None for an answer; False for a cancelled request, which counts neither way.
        """
        with self._lock:
            was_open = self._is_open
            if passed == PROBE:
                self._probing = False
            if failure is False:
                return
            if failure is None:
                self._answered(was_open)
                return
            # Requests sent before the breaker opened add no information.
            if passed == NORMAL and was_open:
                return
            self.failed_probes += passed == PROBE
            # As text: the error object would keep its rows in memory.
            self._in_a_row, self.last_failure = self._in_a_row + 1, str(failure)
            if self._is_open:
                self._next_probe = self._clock() + self._period_s

    def _answered(self, was_open):
        if not was_open:
            self._failed += self._in_a_row
            self._counted += self._in_a_row + 1
            if self._counted > MEMORY:
                self._failed *= MEMORY / self._counted
                self._counted = MEMORY
            self._needed = self._adapted_threshold()
        self._in_a_row, self.failed_probes, self.last_failure = 0, 0, ""

    def _adapted_threshold(self):
        if self._n_failures is None:
            return None
        share = self._failed + PRIOR_RATE * PRIOR_WEIGHT
        share /= self._counted + PRIOR_WEIGHT
        longer = math.log(PRIOR_RATE) / math.log(share)
        return math.ceil(self._n_failures * min(max(longer, 1), MAX_FACTOR) - 1e-9)
