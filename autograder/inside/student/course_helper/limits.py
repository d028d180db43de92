"""Limits of time."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


class TimeLimit(BaseException):
    """Code ran too long. No Exception, so that ``except Exception`` does not stop it."""


@contextlib.contextmanager
def time_limit(seconds: float, by_the_clock: float = 0.0) -> Iterator[None]:
    """Raise TimeLimit in the block after this many seconds; limits nest.

    Signals interrupt only a main thread on Unix; elsewhere there is no limit.
    An outer limit stands still while an inner one runs.

    Args:
        seconds: the limit; 0 is none.
        by_the_clock: if it is more, the limit is one of CPU time until so many seconds have gone:
            a machine that is busy with something else must not cost a student points.
    """
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        unused = seconds - (time.process_time() - computed)
        left = min(unused, by_the_clock - (time.monotonic() - began))
        if left <= 0:
            raise TimeLimit
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))

    began, computed = time.monotonic(), time.process_time()
    outer_handler = signal.signal(signal.SIGALRM, stop)
    outer_left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        signal.setitimer(signal.ITIMER_REAL, outer_left)
