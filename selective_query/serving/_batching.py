"""Dynamic batching: one call of the model answers several waiting requests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class OverloadedError(Exception):
    """The queue of waiting rows is full."""


class Batcher:
    """Calls a function on the rows of several requests at once.

    Parameters
    ----------
    function : callable
        Takes rows; returns a dict of arrays with one entry per row.
    n_threads : int
        Number of simultaneous calls.
    wait_ms : float
        How long the first request of a batch waits for others; 0 takes only those
        already waiting.
    max_rows : int
        Maximum rows of a batch; a larger request forms a batch of its own.
    max_waiting_rows : int
        Requests beyond this are turned away.
    """

    def __init__(self, function, *, n_threads, wait_ms, max_rows, max_waiting_rows):
        self._function, self._wait_s = function, wait_ms / 1000
        self._max_rows, self._max_waiting = max_rows, max_waiting_rows
        self._threads = ThreadPoolExecutor(n_threads, "selective_query")
        self._free = asyncio.Semaphore(n_threads)
        self._queue, self._tasks, self.waiting_rows = asyncio.Queue(), set(), 0
        self._held_back = None

    def start(self):
        """Start answering requests on the running loop."""
        self._main = asyncio.ensure_future(self._run())

    async def stop(self):
        """Answer all waiting requests, then stop."""
        while self.waiting_rows:
            await asyncio.sleep(0.005)
        self._main.cancel()
        self._threads.shutdown(wait=False)

    async def ask(self, rows):
        """Return the function's arrays for these rows.

        Raises
        ------
        OverloadedError
        """
        if self.waiting_rows and self.waiting_rows + len(rows) > self._max_waiting:
            raise OverloadedError
        answer = asyncio.get_running_loop().create_future()
        self.waiting_rows += len(rows)
        try:
            self._queue.put_nowait((rows, answer))
            return await answer
        finally:
            self.waiting_rows -= len(rows)

    async def _run(self):
        while True:
            await self._free.acquire()
            batch = await self._collected()
            task = asyncio.ensure_future(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _collected(self):
        """Collect a batch: requests of one dtype and row shape, up to `max_rows`."""
        first = self._held_back or await self._queue.get()
        self._held_back = None
        batch, n_rows = [first], len(first[0])
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait_s
        while n_rows < self._max_rows:
            following = await self._next(end - loop.time())
            if following is None:
                break
            n_rows += len(following[0])
            if n_rows > self._max_rows or not _alike(following[0], first[0]):
                self._held_back = following
                break
            batch.append(following)
        return batch

    async def _next(self, wait_s):
        try:
            return self._queue.get_nowait()
        except asyncio.QueueEmpty:
            if wait_s <= 0:
                return None
        try:
            return await asyncio.wait_for(self._queue.get(), wait_s)
        except asyncio.TimeoutError:
            return None

    async def _answer(self, batch):
        try:
            batch = [(rows, answer) for rows, answer in batch if not answer.done()]
            if not batch:
                return
            try:
                parts = await self._called([rows for rows, _ in batch])
            except Exception as error:
                await self._answer_singly(batch, error)
                return
            for (_, answer), part in zip(batch, parts, strict=True):
                if not answer.done():
                    answer.set_result(part)
        finally:
            self._free.release()

    async def _answer_singly(self, batch, error):
        """Retry a failed batch request by request, so that only faulty ones fail."""
        for rows, answer in batch:
            try:
                part = (await self._called([rows]))[0] if len(batch) > 1 else None
            except Exception as own:
                part, error = None, own
            if answer.done():
                continue
            if part is None:
                answer.set_exception(error)
            else:
                answer.set_result(part)

    async def _called(self, parts):
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._function, rows)
        if any(len(values) != len(rows) for values in found.values()):
            # Otherwise, splitting would return answers to the wrong requests.
            raise ValueError(f"The model must give {len(rows)} answers.")
        ends = np.cumsum([len(part) for part in parts])[:-1]
        split = {name: np.split(values, ends) for name, values in found.items()}
        return [
            {name: pieces[number] for name, pieces in split.items()}
            for number in range(len(parts))
        ]


def _alike(rows, other):
    return rows.dtype == other.dtype and rows.shape[1:] == other.shape[1:]
