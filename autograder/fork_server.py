"""A process that has imported the slow libraries and forks others in milliseconds.

Most of the time that grading takes goes into importing torch, once a submission. The server
imports it once. It forks kernels for stock nbgrader and otter (autograder.warm_kernels) and
the second processes of autograder.remote. Only on Linux: Windows has no fork, and on macOS a
fork of a process that has loaded the system's mathematics can crash.

A client sends a line of JSON, and its end of the conversation is the child's life line:
the server kills the child and all that it started when the client closes it, and says what the
child has used, and closes its own end, when the child has ended.

Agents run a submission that nobody has read. Where the machine allows it they live in
autograder.jail, each alone. Kernels do not: the stock graders run hidden checks in them.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import multiprocessing.forkserver
import os
import selectors
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from autograder import jail
from autograder.warm_launcher import INTERRUPT

SUPPORTED = sys.platform == "linux"
START_SECONDS = 120.0
POLL_SECONDS = 0.1
MESSAGE_BYTES = 1 << 16
WAITING_CLIENTS = 100
LARGE_PAGE, COLLAPSE = 2 << 20, 25  # bytes; what madvise(2) calls MADV_COLLAPSE
INLINE_FIGURES = "module://matplotlib_inline.backend_inline"  # as ipykernel has it
FOR_WORKERS = ("distributed", "autograder.engine")
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
                [sys.executable, "-m", "autograder.fork_server", json.dumps(settings)],
                env=_environment(data, name),
                pass_fds=[number],
            )
        try:
            yield address
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
    modules = ("autograder.preload", "autograder.agent")
    with fork_server(modules, data) as address, variable(ADDRESS, str(address)):
        yield


@contextlib.contextmanager
def warm_graders(data: Path) -> Iterator[None]:
    """Start the two processes that agents and autograder.engine's workers are forked from.

    They import what those need while the caller goes on. Within another such block, nothing
    is started.

    Args:
        data: the folder of the course's data.
    """
    if not SUPPORTED or ADDRESS in os.environ:
        yield
        return
    with variable("OMP_NUM_THREADS", "1"), warm_agents(data):
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(FOR_WORKERS))
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
        return json.loads(_all_of(client))


def _all_of(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(MESSAGE_BYTES):
        parts.append(part)
    return b"".join(parts)


def start_agent(address: Path, folder: str) -> tuple[Connection, socket.socket]:
    """Have an agent forked (autograder.agent) that works in a folder.

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
        if "about" in request:
            self.request.sendall(json.dumps(self.server.missing).encode())
            return
        jailed = "agent" in request and not self.server.missing
        if jailed:
            jail.enter_cell()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self.server.socket.close()
                self.request.close()
                if "agent" in request:
                    _become_agent(request["agent"], jailed, *descriptors)
                else:
                    _become_kernel(request)
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        used = self._watch(child, limited="agent" in request)
        with contextlib.suppress(OSError):
            self.request.sendall(json.dumps(asdict(used)).encode())

    def _watch(self, child: int, limited: bool) -> Used:
        killed = ""
        with selectors.DefaultSelector() as selector:
            selector.register(self.request, selectors.EVENT_READ)
            while True:
                ended, _, usage = os.wait4(child, os.WNOHANG)
                if ended:
                    break
                if selector.select(POLL_SECONDS):
                    if self.request.recv(1) == INTERRUPT:
                        os.kill(child, signal.SIGINT)
                        continue
                elif not limited or jail.memory_of(child) < jail.MEMORY_BYTES:
                    continue
                else:
                    killed = "memory"
                usage = _kill(child)
                break
        return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, killed)


def _kill(child: int):
    """Kill a child and its group, and return what it has used; a jail dies with its first child."""
    with contextlib.suppress(ProcessLookupError):  # it has no group yet
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    return os.wait4(child, 0)[2]


def _become_agent(folder: str, jailed: bool, descriptor: int) -> None:
    """Turn this forked process into an agent that answers on a socket."""
    from autograder.agent import serve

    if jailed:
        jail.furnish_cell()
        folder = os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = jail.PLACE
    jail.lock(alone=jailed)
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
    missing: list[str]


def serve_forks(settings: dict) -> None:
    """Import the modules, then answer clients until terminated."""
    listener = socket.socket(fileno=settings["listener"])
    for name in settings["modules"]:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    if settings["data"]:
        importlib.import_module("autograder.agent").shell()
    missing = _enter_jail(Path(settings["data"]), settings["room"]) if settings["data"] else []
    jail.die_with_parent()  # only now: a change of the user, as on entering the jail, undoes it
    # What is here now will not become garbage; children need not look at it, and copy it.
    gc.collect()
    gc.freeze()
    _join_pages()
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us
    server = _Server(listener.getsockname(), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.missing = missing
    server.serve_forever()


def _join_pages() -> None:
    """Let the kernel keep this process's memory in large pages: a fork is three times as fast.

    Linux before 6.1 refuses, and nothing changes.
    """
    advise = ctypes.CDLL(None).madvise
    for line in Path("/proc/self/maps").read_text().splitlines():
        borders, access, _, _, _, *name = line.split(maxsplit=5)
        if "w" not in access or name not in ([], ["[heap]"]):
            continue
        first, end = (int(border, 16) for border in borders.split("-"))
        first = -(-first // LARGE_PAGE) * LARGE_PAGE
        for page in range(first, end - LARGE_PAGE + 1, LARGE_PAGE):
            advise(ctypes.c_void_p(page), ctypes.c_size_t(LARGE_PAGE), COLLAPSE)


def _enter_jail(data: Path, room: str) -> list[str]:
    """Enter the jail, if this machine allows it; return what it does not allow."""
    trial = os.fork()
    if trial == 0:
        with contextlib.suppress(OSError):
            jail.try_all(data, room)
            os._exit(0)
        os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1]) != 0:
        return [
            "files, network and processes: this machine does not let a program use Linux "
            "namespaces (user, mount, network, process ids)"
        ]
    jail.enter_room(jail.readable_places(data), room)
    return []


if __name__ == "__main__":
    serve_forks(json.loads(sys.argv[1]))
