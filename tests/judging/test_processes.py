"""A limit of CPU time ends what computes too long, and nothing else."""

import re
import signal
import threading
import time

import pytest

from autograder.processes import CpuLimit, cpu_limit


def test_a_loop_and_a_regular_expression_are_ended():
    with pytest.raises(CpuLimit), cpu_limit(0.05):
        while True:
            pass
    with pytest.raises(CpuLimit), cpu_limit(0.05):
        re.match("(a+)+$", "a" * 60 + "b")


def test_an_exception_that_is_swallowed_comes_again():
    caught = 0
    with pytest.raises(CpuLimit), cpu_limit(0.05):
        while caught < 2:
            try:
                while True:
                    pass
            except CpuLimit:
                caught += 1
        while True:
            pass
    assert caught == 2


def test_to_wait_costs_nothing_and_the_limit_ends_with_the_block():
    before = signal.getsignal(signal.SIGPROF)
    with cpu_limit(0.2):
        time.sleep(0.5)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGPROF) == before


def test_another_thread_has_no_limit_and_does_not_fail():
    done = []

    def work():
        with cpu_limit(0.01):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
