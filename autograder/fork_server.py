"""A process that has imported the slow libraries and forks others in milliseconds.

Most of the time that grading takes goes into importing torch, once a submission. The server
imports it once. It forks kernels for stock nbgrader and otter (autograder.warm_kernels) and
the second processes of autograder.remote. Only on Linux: Windows has no fork, and on macOS a
fork of a process that has loaded the system's mathematics can crash.

A client sends a line of JSON, and its end of the conversation is the child's life line:
the server kills the child and all that it started when the client closes it, and closes
its own end when the child has ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.warm_launcher import INTERRUPT

SUPPORTED = sys.platform == "linux"
START_SECONDS = 120.0
POLL_SECONDS = 0.1
MESSAGE_BYTES = 1 << 16
WAITING_CLIENTS = 100
INLINE_FIGURES = "module://matplotlib_inline.backend_inline"  # as ipykernel has it
ADDRESS = "COURSE_FORK_SERVER"  # the environment variable with the path of the agents' server


@contextlib.contextmanager
def fork_server(modules: tuple[str, ...]) -> Iterator[Path]:
    """Run a server that has imported some modules; give the path of its socket.

    It takes some seconds to import them. Who connects before waits; who connects to a server
    that has died is refused at once.
    """
    with tempfile.TemporaryDirectory(prefix="fork-") as name:
        address = Path(name) / "socket"
        # Threads do not survive a fork; and debugpy, which a kernel loads, talks about itself.
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen(WAITING_CLIENTS)
            number = listener.fileno()
            server = subprocess.Popen(
                [sys.executable, "-m", "autograder.fork_server", str(number), *modules],
                env=environment,
                pass_fds=[number],
            )
        try:
            yield address
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for this process and its children; put it back afterwards."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


@contextlib.contextmanager
def warm_agents() -> Iterator[None]:
    """Let the agents of this process and its children be forked from a server, if possible."""
    if not SUPPORTED:
        yield
        return
    modules = ("autograder.preload", "autograder.agent")
    with fork_server(modules) as address, variable(ADDRESS, str(address)):
        yield


def wait_for(address: Path) -> None:
    """Wait until the server answers, or has died."""
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(START_SECONDS)
        client.connect(str(address))
        end_agent(client)


def start_agent(address: Path, folder: str) -> tuple[Connection, socket.socket]:
    """Have an agent forked (autograder.agent) that works in a folder.

    Returns:
        the connection to it and its life line.

    Raises:
        OSError: the server is gone.
    """
    life_line = socket.socket(socket.AF_UNIX)
    life_line.connect(str(address))
    ours, theirs = socket.socketpair()
    with theirs:
        request = json.dumps({"agent": folder}).encode() + b"\n"
        socket.send_fds(life_line, [request], [theirs.fileno()])
    return Connection(ours.detach()), life_line


def end_agent(life_line: socket.socket) -> None:
    """Kill an agent, if there is one, and all that it started; return when it has ended."""
    with life_line, contextlib.suppress(OSError):
        life_line.shutdown(socket.SHUT_WR)
        life_line.recv(1)


class _Handler(socketserver.BaseRequestHandler):
    """Serves one client, in a process of its own: forks the child and watches both."""

    def handle(self) -> None:
        message, descriptors = b"", []
        while not message.endswith(b"\n"):
            data, received, *_ = socket.recv_fds(self.request, MESSAGE_BYTES, 1)
            if not data:
                return
            message += data
            descriptors += received
        request = json.loads(message)
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self.server.socket.close()
                self.request.close()
                if "agent" in request:
                    _become_agent(request["agent"], *descriptors)
                else:
                    _become_kernel(request)
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        self._watch(child)

    def _watch(self, child: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.request, selectors.EVENT_READ)
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if not selector.select(POLL_SECONDS):
                    continue
                if self.request.recv(1) == INTERRUPT:
                    os.kill(child, signal.SIGINT)
                else:  # the client is gone
                    with contextlib.suppress(ProcessLookupError):  # it has no group yet
                        os.killpg(child, signal.SIGKILL)
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    return


def _become_agent(folder: str, descriptor: int) -> None:
    """Turn this forked process into an agent that answers on a socket."""
    from autograder.agent import serve

    serve(Connection(descriptor), folder)


def _become_kernel(request: dict) -> None:
    """Turn this forked process into the kernel that the launcher asked for."""
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
    import matplotlib
    from ipykernel.kernelapp import IPKernelApp

    # matplotlib is here already and does not look for this variable again.
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or INLINE_FIGURES
    IPKernelApp.launch_instance(argv=request["arguments"])


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children = 1000


def serve_forks(listener: socket.socket, modules: list[str]) -> None:
    """Import the modules, then answer clients until terminated."""
    for name in modules:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    # What is here now will not become garbage; children need not look at it, and copy it.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    server = _Server(listener.getsockname(), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


if __name__ == "__main__":
    serve_forks(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
