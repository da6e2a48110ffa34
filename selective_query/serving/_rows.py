"""The rows of one call, sent in batches, several batches at a time."""

import asyncio
import time

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._models.replies import Replies
from selective_query._utils.validation import num_samples

# Skipped requests after which the loop may run other tasks.
SKIPS_PER_YIELD = 500


class RowsOnTheirWay:
    """Sends rows and collects the reply to each.

    Parameters
    ----------
    X : array-like of length n_samples
    call : Call
    """

    def __init__(self, X, call):
        self._X, self._call, self.n = X, call, num_samples(X)
        self._failure, self._parts = np.empty(self.n, dtype=object), {}
        self._attempts, self._ms = np.zeros(self.n, dtype=int), np.zeros(self.n)

    async def send(self, ask, turned_away, batch_rows, n_at_a_time):
        """Ask about all rows.

        An error that `ask` raises is a fault of the model: it cancels the other
        requests and propagates.

        Parameters
        ----------
        ask : coroutine function
            Takes rows and the start of their deadline; returns what `Asker.ask`
            returns, with values and failures as its result.
        turned_away : callable
            Returns the error of a request that need not be sent, or None.
        batch_rows, n_at_a_time : int
        """
        starts = range(0, self.n, batch_rows)
        slices = (slice(s, min(s + batch_rows, self.n)) for s in starts)
        n_workers = min(n_at_a_time, len(starts))
        if n_workers <= 1:
            await self._work(slices, ask, turned_away)
            return
        workers = [
            asyncio.ensure_future(self._work(slices, ask, turned_away))
            for _ in range(n_workers)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _work(self, slices, ask, turned_away):
        since, n_spared = self._call.began, 0
        for rows in slices:
            error = turned_away()
            if error is not None:
                if self._call.is_over:  # applies to all remaining rows
                    rows = slice(rows.start, self.n)
                    slices.close()
                self._failure[rows] = error
                self._ms[rows] = 1000 * (time.monotonic() - self._call.began)
                n_spared += 1
                if n_spared % SKIPS_PER_YIELD == 0:
                    await asyncio.sleep(0)
                continue
            found, error, made = await ask(_safe_indexing(self._X, rows), since)
            since = time.monotonic()
            self._attempts[rows] = made
            self._ms[rows] = 1000 * (since - self._call.began)
            if found is None:
                self._failure[rows] = error
            else:
                self._parts[rows.start], self._failure[rows] = found

    def replies(self, nothing):
        """Return the reply to each row; `nothing` holds the values for zero rows."""
        values = self._joined() if self.n else nothing
        return Replies(values, self._failure, self._attempts, self._ms)

    def _joined(self):
        """Concatenate the values of all requests, ordered by their first row."""
        if not self._parts:
            return None
        shapes = {values.shape[1:] for values in self._parts.values()}
        dtype = np.result_type(*{values.dtype for values in self._parts.values()})
        joined = np.zeros((self.n, *shapes.pop()), dtype=dtype)
        for start, values in self._parts.items():
            joined[start : start + len(values)] = values
        return joined
