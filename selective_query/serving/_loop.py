"""One event loop in its own thread, where all waiting is done.

A deadline for a whole call needs a loop that can cancel, however slowly the bytes
arrive. The same loop serves blocking threads and coroutines.
"""

import asyncio
import os
import threading

_lock = threading.Lock()
_running = None


def running_loop():
    """Return the loop, started on first use."""
    global _running
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(
                target=_running.run_forever, name="selective_query", daemon=True
            ).start()
        return _running


def is_running_here(loop):
    """Whether this is the loop of this process; does not start one."""
    return loop is _running


def wait_for_result(coroutine):
    """Block the thread until a coroutine returns; return its result.

    Raises
    ------
    RuntimeError
        If called on the loop itself, which would deadlock.
    """
    loop = running_loop()
    if _current() is loop:
        coroutine.close()
        raise RuntimeError(
            "A function that is asked for an answer cannot wait for another one of "
            "this kind. Await predict_async or ask_rows_async instead of predict."
        )
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # for example, after Ctrl-C
        raise


async def result_of(coroutine):
    """Await a coroutine's result from any event loop."""
    future = asyncio.run_coroutine_threadsafe(coroutine, running_loop())
    return await asyncio.wrap_future(future)


def _current():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _forget():
    # The parent's thread does not exist in a forked child.
    global _running, _lock
    _running, _lock = None, threading.Lock()


def after_fork(function):
    """Register a function to run in forked children, where the platform forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


after_fork(_forget)
