"""The benchmarks run; what they measure is not a matter for tests."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_time_and_memory_of_a_notebook(mini):
    command = [sys.executable, str(ROOT / "benchmarks" / "notebooks.py"), "01"]
    done = subprocess.run(command, cwd=mini, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "01_mini" in line)
    seconds, memory, graded = map(float, re.findall(r"([\d.]+) of [\d.]+", row))
    assert seconds > 0.2 and 0.02 < memory < 2 and 0 <= graded < 1
