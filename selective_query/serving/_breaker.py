"""A breaker: after some failures in a row, one query a period goes to see."""

import math
import threading
import time

NORMAL, PROBE = "normal", "probe"
# Share of requests that fail now and then although all is well, and how many requests
# it takes to learn another one.
USUAL_SHARE, USUAL_WEIGHT = 0.01, 20
MEMORY = 200
# At most so many times the failures in a row that were asked for.
MOST_PATIENCE = 10


class Breaker:
    """Who may ask a global that failed of late.

    While it is closed everybody may. When `n_failures` requests in a row have failed it
    opens: nobody may, but for one probe after each `period_s`, and one at a time. The
    first that comes back with an answer closes it.

    Of a global that fails now and then, a share f of its requests, so many more must
    fail in a row that chance alone makes such a run as rarely as `n_failures` at a
    share of 1 %: n = n_failures log(0.01) / log(f). Runs that opened it are no part of
    that share.

    Parameters
    ----------
    n_failures : int or None
        None never opens it.
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
        """Until the next probe may set out; 0 also where one is under way."""
        with self._lock:
            return max(self._next_probe - self._clock(), 0.0) if self._is_open else 0.0

    def _turns_away(self):
        if not self._is_open:
            return False
        return self._probing or self._clock() < self._next_probe

    def enter(self):
        """A pass for a request, which must be handed to `leave`; None turns it away.

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
        """Tell what became of a request.

        Parameters
        ----------
        passed : str
            As `enter` gave it.
        failure : Exception, None or False
            None for an answer; False where it was given up and tells nothing.
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
            # What set out before it opened tells nothing new.
            if passed == NORMAL and was_open:
                return
            self.failed_probes += passed == PROBE
            # As text: an error holds on to the rows that it is about.
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
            self._needed = self._run_beyond_chance()
        self._in_a_row, self.failed_probes, self.last_failure = 0, 0, ""

    def _run_beyond_chance(self):
        if self._n_failures is None:
            return None
        share = self._failed + USUAL_SHARE * USUAL_WEIGHT
        share /= self._counted + USUAL_WEIGHT
        longer = math.log(USUAL_SHARE) / math.log(share)
        return math.ceil(self._n_failures * min(max(longer, 1), MOST_PATIENCE) - 1e-9)
