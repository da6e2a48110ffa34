"""A breaker: after some failures in a row, one query a period goes to see."""

import threading
import time

NORMAL, PROBE = "normal", "probe"


class Breaker:
    """Who may ask a global that failed of late.

    While it is closed everybody may. When `n_failures` requests in a row have failed it
    opens: nobody may, but for one probe after each `period_s`, and one at a time. The
    first that comes back with an answer closes it.

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
        self._failed, self._next_probe, self._probing = 0, 0.0, False
        self.last_failure = ""

    @property
    def _is_open(self):
        return self._n_failures is not None and self._failed >= self._n_failures

    def is_shut(self):
        """Whether a request would be turned away now; changes nothing."""
        with self._lock:
            return self._turns_away()

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
                self._failed, self.last_failure = 0, ""
                return
            # What set out before it opened tells nothing new.
            if passed == NORMAL and was_open:
                return
            # As text: an error holds on to the rows that it is about.
            self._failed, self.last_failure = self._failed + 1, str(failure)
            if self._is_open:
                self._next_probe = self._clock() + self._period_s
