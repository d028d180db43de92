"""The server that forks, as a process of its own; fork_client starts and asks it.

Only Linux can run it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import socketserver
import sys
import tempfile
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograder.inside.limits import MEMORY_BYTES
from autograder.judging.sandbox import jail
from autograder.judging.sandbox.fork_client import MESSAGE_BYTES, Used
from autograder.judging.sandbox.launcher import INTERRUPT

POLL_SECONDS = 0.1
LARGE_PAGE, COLLAPSE = 2 << 20, 25  # bytes; what madvise(2) calls MADV_COLLAPSE
INLINE_FIGURES = "module://matplotlib_inline.backend_inline"  # as ipykernel has it


class _Handler(socketserver.BaseRequestHandler):
    """Serves one client, in a process of its own: forks the child and watches both."""

    server: _Server

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
                elif not limited or jail.memory_of(child) < MEMORY_BYTES:
                    continue
                else:
                    killed = "memory"
                usage = _kill(child)
                break
        return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, killed)


def _kill(child: int) -> resource.struct_rusage:
    """Kill a child and its group, and return what it has used; a jail dies with its first child."""
    with contextlib.suppress(ProcessLookupError):  # it has no group yet
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    return os.wait4(child, 0)[2]


def _become_agent(folder: str, jailed: bool, descriptor: int) -> None:
    """Turn this forked process into an agent that answers on a socket."""
    from autograder.inside.agent import serve

    if jailed:
        jail.furnish_cell()
        folder = os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = jail.PLACE
    jail.lock(alone=jailed)
    serve(Connection(descriptor), folder)


def _become_kernel(request: dict[str, Any]) -> None:
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


def serve_forks(settings: dict[str, Any]) -> None:
    """Import the modules, then answer clients until terminated."""
    listener = socket.socket(fileno=settings["listener"])
    try:
        for name in settings["modules"]:
            importlib.import_module(name)
        importlib.import_module("torch").set_num_threads(1)
    except Exception:  # a broken library may raise anything; the client finds out what, and says it
        sys.exit(1)
    if settings["data"]:
        importlib.import_module("autograder.inside.agent").shell()
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
