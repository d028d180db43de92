"""A process that has imported the slow libraries and forks others in milliseconds.

Most of the time that grading takes goes into importing torch, once a submission. The server
(fork_server) imports it once. It forks kernels for stock nbgrader and otter (kernels) and the
second processes of autograder.judging.session. Only on Linux: Windows has no fork, and on macOS a
fork of a process that has loaded the system's mathematics can crash.

A client sends a line of JSON, and its end of the conversation is the child's life line:
the server kills the child and all that it started when the client closes it, and says what the
child has used, and closes its own end, when the child has ended.

Agents run a submission that nobody has read. Where the machine allows it they live in a jail
(jail), each alone. Kernels do not: the stock graders run hidden checks in them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing.forkserver
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.inside.limits import START_SECONDS

SUPPORTED = sys.platform == "linux"
SERVER = "autograder.judging.sandbox.fork_server"
MESSAGE_BYTES = 1 << 16
WAITING_CLIENTS = 100
FOR_WORKERS = "autograder.judging.sandbox.worker_preload"
ADDRESS = "COURSE_FORK_SERVER"  # the environment variable with the path of the agents' server


KEPT_FOR_AGENTS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Used:
    """What a child has used: CPU seconds, the peak of its memory in bytes, why it was killed."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    killed: str = ""


@contextlib.contextmanager
def fork_server(modules: tuple[str, ...], data: Path | None = None) -> Iterator[Path]:
    """Run a server that has imported some modules; give the path of its socket.

    It takes some seconds to import them. Who connects before waits; who connects to a server
    that has died is refused at once.

    Args:
        modules: their names.
        data: for a server of agents the folder of the course's data.

    Raises:
        Exception: what an import raised that failed in the server, if the block was refused.
    """
    with tempfile.TemporaryDirectory(prefix="fork-", ignore_cleanup_errors=True) as name:
        address = Path(name) / "socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen(WAITING_CLIENTS)
            number = listener.fileno()
            settings = {
                "listener": number,
                "modules": modules,
                "data": data and str(data.resolve()),
                "room": tempfile.mkdtemp(dir=name),
            }
            server = subprocess.Popen(
                [sys.executable, "-m", SERVER, json.dumps(settings)],
                env=_environment(data, name),
                pass_fds=[number],
            )
        try:
            yield address
        except OSError:
            if server.poll() is not None:
                for module in modules:
                    importlib.import_module(module)
            raise
        finally:
            server.terminate()
            server.wait()


def _environment(data: Path | None, folder: str) -> dict[str, str]:
    """Return the server's environment; a submission can read that of a server of agents."""
    # Threads do not survive a fork; and debugpy, which a kernel loads, talks about itself.
    own = {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if data is None:
        return {**os.environ, **own}
    kept = {name: os.environ[name] for name in KEPT_FOR_AGENTS if name in os.environ}
    return {
        **kept,
        **own,
        "COURSE_DATA": str(data.resolve()),
        "COURSE_STATIC_FIGURES": "1",
        "IPYTHONDIR": f"{folder}/ipython",
    }


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
def warm_agents(data: Path) -> Iterator[None]:
    """Let the agents of this process and its children be forked from a server, if possible.

    Args:
        data: the folder of the course's data, which they may read.
    """
    if not SUPPORTED:
        yield
        return
    modules = ("autograder.inside.preload", "autograder.inside.agent")
    with fork_server(modules, data) as address, variable(ADDRESS, str(address)):
        yield


@contextlib.contextmanager
def warm_graders(data: Path) -> Iterator[None]:
    """Start the two processes that agents and autograder.judging.pool's workers are forked from.

    They import what those need while the caller goes on. Within another such block, nothing
    is started.

    Args:
        data: the folder of the course's data.
    """
    if not SUPPORTED or ADDRESS in os.environ:
        yield
        return
    with variable("OMP_NUM_THREADS", "1"), warm_agents(data):
        multiprocessing.get_context("forkserver").set_forkserver_preload([FOR_WORKERS])
        multiprocessing.forkserver.ensure_running()
        yield


def wait_for(address: Path) -> None:
    """Wait until the server answers, or has died."""
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(START_SECONDS)
        client.connect(str(address))
        end_agent(client)


def missing_isolation() -> list[str]:
    """Wait for the server; return what it cannot keep a submission away from, a line each."""
    if not (address := os.environ.get(ADDRESS)):
        return ["everything: there is no server to fork from on this system"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
        client.sendall(b'{"about": true}\n')
        missing: list[str] = json.loads(_all_of(client))
        return missing


def _all_of(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(MESSAGE_BYTES):
        parts.append(part)
    return b"".join(parts)


def start_agent(address: Path, folder: str) -> tuple[Connection, socket.socket]:
    """Have an agent forked (autograder.inside.agent) that works in a folder.

    Args:
        address: of the server.
        folder: where it works if it is not in a jail, which has a folder of its own.

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


def end_agent(life_line: socket.socket) -> Used:
    """Kill an agent, if there is one, and all that it started; return when it has ended."""
    with life_line, contextlib.suppress(OSError, ValueError, TypeError):
        life_line.shutdown(socket.SHUT_WR)
        return Used(**json.loads(_all_of(life_line)))
    return Used()
