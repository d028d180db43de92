"""What concerns this process: where it finds programs, and how long it may compute."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

REPEATED_SECONDS = 0.5


class CpuLimit(BaseException):
    """A block has computed for too long. Code that catches every Exception does not catch it."""


def find_own_tools() -> None:
    """Put this environment's programs first on PATH, as activating it would.

    nbgrader starts ``alembic`` by name.
    """
    own = str(Path(sys.executable).parent)
    if own not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", "")])


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise CpuLimit in the block once this process has computed for so long in it.

    Unlike course_helper.time_limit it does not count the time of other processes, so that a
    loaded machine refuses nothing. Only a main thread on Unix can be limited; elsewhere there
    is no limit. It does not nest.
    """
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(number, frame):
        raise CpuLimit

    before = signal.signal(signal.SIGPROF, stop)
    # Again and again, because some code cannot let an exception through.
    signal.setitimer(signal.ITIMER_PROF, seconds, REPEATED_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
