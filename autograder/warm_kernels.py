"""Kernels that start in a fraction of a second, for stock nbgrader and otter.

Most of the time that grading takes goes into importing torch, once a submission. A
server imports it once and forks a kernel for every submission. It is reached by a
kernelspec named python3, so the graders use it unchanged. Elsewhere than on Linux the
ordinary kernel takes over: Windows has no fork, and on macOS a fork of a process that has
loaded the system's mathematics can crash. The scores are the same.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import socketserver
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from autograder.warm_launcher import INTERRUPT

START_SECONDS = 120.0
SLOW_LIBRARIES = (
    "torch",
    "torch._dynamo",  # what the first optimiser imports
    "torchvision",
    "matplotlib.figure",  # not pyplot: it looks for the kernel when it is imported
    "matplotlib.backends.backend_agg",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "otter",
    "pandas",
)
POLL_SECONDS = 0.1


@contextlib.contextmanager
def warm_kernels() -> Iterator[None]:
    """Let every kernel that this process and its children start be forked from a server."""
    if sys.platform != "linux":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="warm-") as name:
        place = Path(name)
        address = place / "socket"
        write_kernelspec(place, address)
        server = subprocess.Popen([sys.executable, "-m", "autograder.warm_kernels", str(address)])
        before = os.environ.get("JUPYTER_PATH")
        try:
            _wait_for(address, server)
            os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [name, before]))
            yield
        finally:
            os.environ.pop("JUPYTER_PATH", None)
            if before is not None:
                os.environ["JUPYTER_PATH"] = before
            server.terminate()
            server.wait()


def write_kernelspec(place: Path, address: Path) -> None:
    """Write a kernelspec named python3 that starts the launcher."""
    launcher = Path(__file__).with_name("warm_launcher.py")
    folder = place / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, str(launcher), str(address), "-f", "{connection_file}"],
        "display_name": "Python 3 (warm)",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))


def _wait_for(address: Path, server: subprocess.Popen) -> None:
    """Wait until the server listens; if it does not, launchers start ordinary kernels."""
    end = time.monotonic() + START_SECONDS
    while not address.exists() and server.poll() is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


class _Handler(socketserver.StreamRequestHandler):
    """Serves one launcher, in a process of its own: forks the kernel and watches both."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        kernel = os.fork()
        if kernel == 0:
            _become_kernel(request, self.server)
        self._watch(kernel)

    def _watch(self, kernel: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            while os.waitpid(kernel, os.WNOHANG) == (0, 0):
                if not selector.select(POLL_SECONDS):
                    continue
                if self.connection.recv(1) == INTERRUPT:
                    os.kill(kernel, signal.SIGINT)
                else:  # the launcher is gone
                    os.killpg(kernel, signal.SIGKILL)
                    os.waitpid(kernel, 0)
                    return


def _become_kernel(request: dict, server: socketserver.BaseServer) -> None:
    """Turn this forked process into the kernel that the launcher asked for."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server.socket.close()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # the kernel's parent is the watcher, not the client
    sink = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(sink, descriptor)
    # An ordinary kernel finds modules in its working folder first.
    sys.path[:] = ["", *(path for path in sys.path if path not in ("", request["folder"]))]
    sys.path.extend(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    from ipykernel.kernelapp import IPKernelApp

    try:
        IPKernelApp.launch_instance(argv=request["arguments"])
    finally:
        os._exit(0)


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children = 1000


def serve(address: str) -> None:
    """Import the slow libraries, then answer launchers until terminated."""
    for name in SLOW_LIBRARIES:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    # Renamed into place, so that the name appears only when the server listens.
    with _Server(f"{address}.new", _Handler) as server:
        Path(f"{address}.new").rename(address)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
