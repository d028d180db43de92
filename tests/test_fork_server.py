"""Forked kernels behave as ordinary ones; forked agents end with the process that asked."""

import os
import time
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder import fork_server
from autograder.processes import find_own_tools
from autograder.remote import Session
from autograder.warm_kernels import warm_kernels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_server.SUPPORTED, reason="there is no fork server here"),
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


def has_ended(process: int) -> bool:
    """Tell whether a process is gone, or dead and only not yet collected."""
    try:
        return not Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


def test_an_agent_and_all_that_it_started_end_with_the_session():
    with fork_server.warm_agents():
        with Session() as session:
            session.execute(
                "import os, subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
                "pids = [os.getpid(), child.pid]",
                10,
            )
            agent, child = session["pids"]
            assert fork_server.ADDRESS in os.environ
            assert Path(f"/proc/{agent}").exists()
        assert not Path(f"/proc/{agent}").exists()
        end = time.monotonic() + 10
        while not has_ended(child) and time.monotonic() < end:
            time.sleep(0.05)
        assert has_ended(child)
    assert fork_server.ADDRESS not in os.environ
