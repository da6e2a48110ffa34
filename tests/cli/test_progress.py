"""Progress is shown on a terminal, but not in a pipe."""

import io
import sys
import time

import pytest

from selective_query.cli._running import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def short(monkeypatch):
    """Shorten the delay before progress is shown from 2 s to 0.1 s."""

    def line(*args, delay, **options):
        assert delay == 2
        return progress_tqdm(*args, delay=0.1, file=sys.stderr, **options)

    progress_tqdm = progress.tqdm
    monkeypatch.setattr(progress, "tqdm", line)


def test_long_operations_show_progress_on_a_terminal(short, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), progress.waiting("Fitting"):
        time.sleep(0.8)
        raise KeyboardInterrupt
    assert "Fitting ... 00:00" in sys.stderr.getvalue()


def test_a_pipe_gets_no_progress(short, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.waiting("Fitting"):
        time.sleep(0.8)
    assert sys.stderr.getvalue() == ""
