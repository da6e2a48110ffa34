"""Progress display in a terminal."""

import sys
from contextlib import contextmanager
from threading import Event, Thread

from tqdm import tqdm


@contextmanager
def waiting(label):
    """Show a label and the elapsed time in a terminal, after two seconds.

    Parameters
    ----------
    label : str
    """
    if not sys.stderr.isatty():
        yield
        return
    line = tqdm(desc=label, bar_format="{desc} ... {elapsed}", delay=2, leave=False)
    done = Event()

    def tick():
        while not done.wait(0.5):
            line.update()

    clock = Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield
    finally:
        done.set()
        clock.join()
        line.close()
