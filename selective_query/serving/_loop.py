"""One event loop in a thread of its own, where all waiting is done.

A deadline over a whole call, however its bytes trickle in, needs a loop that can
cancel. The same loop serves threads that wait and coroutines that do not.
"""

import asyncio
import os
import threading

_lock = threading.Lock()
_running = None


def running_loop():
    """The loop, started when it is first asked for."""
    global _running
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(
                target=_running.run_forever, name="selective_query", daemon=True
            ).start()
        return _running


def is_running_here(loop):
    """Whether this is the loop of this process; starts none."""
    return loop is _running


def wait_for_result(coroutine):
    """What a coroutine returns, for a thread that waits.

    Raises
    ------
    RuntimeError
        When called on the loop itself, which would wait for ever.
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
        future.cancel()  # as of Ctrl-C: nobody waits for it any longer
        raise


async def result_of(coroutine):
    """Await it from a coroutine on any loop."""
    future = asyncio.run_coroutine_threadsafe(coroutine, running_loop())
    return await asyncio.wrap_future(future)


def _current():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _forget():
    # The thread of the parent does not exist in a forked child.
    global _running, _lock
    _running, _lock = None, threading.Lock()


def after_fork(function):
    """Have a function called in each forked child, where there are such."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


after_fork(_forget)
