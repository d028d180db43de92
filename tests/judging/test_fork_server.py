"""Forked kernels behave as ordinary ones; forked agents end with the process that asked."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder.judging.sandbox import fork_client
from autograder.judging.sandbox.kernels import warm_kernels
from autograder.judging.session import StudentProcess
from autograder.processes import find_own_tools
from tests.support.course import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.SUPPORTED, reason="there is no fork server here"),
]


def test_a_warm_kernel_starts_with_torch_draws_figures_and_uses_no_port():
    find_own_tools()
    sources = (
        "import sys\nprint('torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)",
    )
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    with warm_kernels():
        NotebookClient(notebook).execute()
    imported, figure, transport = (cell.outputs[-1] for cell in notebook.cells)
    assert imported.text == "True False\n"
    assert "image/png" in figure.data
    assert transport.text == "ipc\n"


def processes_with(word: str) -> list[str]:
    """Return the processes of the machine with this word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word in path.read_text(errors="replace"):
                found.append(path.parent.name)
    return found


def test_an_agent_and_all_that_it_started_end_with_the_session():
    mark = f"600.{os.getpid()}"  # seconds to sleep, as nobody else does
    with fork_client.warm_agents(ROOT / "data"):
        assert fork_client.ADDRESS in os.environ
        with StudentProcess() as session:
            assert session.execute(
                "import subprocess\n"
                f"subprocess.Popen(['sleep', '{mark}'])\n"
                f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
                10,
            )
            assert len(processes_with(mark)) == 2
        end = time.monotonic() + 10
        while processes_with(mark) and time.monotonic() < end:
            time.sleep(0.05)
        assert not processes_with(mark)
    assert fork_client.ADDRESS not in os.environ
