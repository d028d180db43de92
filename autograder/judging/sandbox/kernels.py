"""Kernels that start in a fraction of a second, for stock nbgrader and otter.

They are forked by the server of fork_client. They are reached by a kernelspec named
python3, so the graders use them unchanged. Where there is no fork the ordinary kernel
takes over. The scores are the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from autograder.judging.sandbox.fork_client import SUPPORTED, fork_server, variable, wait_for

SLOW_LIBRARIES = (
    "torch",
    "torch._dynamo",  # what the first optimiser imports
    "torchvision",
    "matplotlib.figure",  # not pyplot: it looks for the kernel when it is imported
    "matplotlib.backends.backend_agg",
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "ipykernel.zmqshell",
    "otter",
    "pandas",
)


class SocketProvisioner(LocalProvisioner):
    """Starts a kernel that talks over sockets in the file system instead of ports.

    Two programs that start kernels at the same time can pick the same free port.
    """

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        manager = self.parent
        assert manager is not None  # who starts kernels is the parent of their provisioners
        if manager.transport != "ipc":
            self.place = tempfile.TemporaryDirectory(prefix="kernel-")
            manager.transport = "ipc"
            manager.ip = str(Path(self.place.name) / "socket")
            manager.cache_ports = False
        return await super().pre_launch(**options)

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart)
        if not restart and hasattr(self, "place"):
            self.place.cleanup()


@contextlib.contextmanager
def warm_kernels() -> Iterator[None]:
    """Let every kernel that this process and its children start be forked from a server."""
    if not SUPPORTED:
        yield
        return
    with fork_server(SLOW_LIBRARIES) as address, tempfile.TemporaryDirectory() as place:
        write_kernelspec(Path(place), address)
        wait_for(address)  # if it has died, the launcher starts ordinary kernels
        known = os.environ.get("JUPYTER_PATH")
        with variable("JUPYTER_PATH", os.pathsep.join(filter(None, [place, known]))):
            yield


def write_kernelspec(place: Path, address: Path) -> None:
    """Write a kernelspec named python3 that starts the launcher."""
    launcher = Path(__file__).with_name("launcher.py")
    folder = place / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, str(launcher), str(address), "-f", "{connection_file}"],
        "display_name": "Python 3 (warm)",
        "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": "course-sockets"}},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
