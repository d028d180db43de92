"""Judge a check in this process while the student's objects live in another one.

A check is written once, as plain code about the student's names (see
autograder.checks). Here the names are proxies:

* a call ships plain arguments to the student's process and a plain result back; a
  tensor argument that the call changed in place stays here as it was, so that no oracle
  computes with it, and ``plain``, an expectation or a further call sees the change;
* what is not plain (a module, an optimiser, a tensor with a graph) stays there, and
  the check holds a handle whose attributes, calls and operators work as usual;
* ``course_helper.inside(path)`` gives a library object of the student's process.

So the student's code never sees an expected value, and a score never depends on
anything but the plain values that came back.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import torch

from autograder.inside import codec
from autograder.inside.agent import serve
from autograder.inside.limits import (
    ANSWER_BYTES,
    CALL_SECONDS,
    GRACE_SECONDS,
    MESSAGE_CHARACTERS,
    START_SECONDS,
    SUBMISSION_SECONDS,
)
from autograder.inside.student.course_helper import (
    Failure,
    StudentRaised,
    StudentSide,
    TimeLimit,
    is_stub,
)
from autograder.judging.sandbox import fork_client
from autograder.judging.sandbox.fork_client import Used

WATCH_SECONDS = 1.0
GONE = (
    "Python had ended, or did not answer any more. Does a cell call exit(), or need too much "
    "memory or time?"
)


def _socket_of(connection: Connection) -> socket.socket:
    """Return the socket of a connection.

    Raises:
        OSError: it is closed, or a pipe of Windows.
    """
    if os.name == "nt":
        raise OSError("a pipe of Windows is no socket")
    return socket.socket(fileno=os.dup(connection.fileno()))


class StudentGone(Exception):
    """The student's process ended or stopped answering."""


def start_process(folder: str) -> tuple[Connection, Callable[[], Used]]:
    """Start an agent that works in a folder.

    Returns:
        the connection to it, and a function that kills it and returns what it has used;
        it may be called again and then returns nothing of interest.
    """
    if server := os.environ.get(fork_client.ADDRESS):
        connection, life_line = fork_client.start_agent(Path(server), folder)
        return connection, lambda: fork_client.end_agent(life_line)
    context = multiprocessing.get_context("spawn")
    connection, other_end = context.Pipe()
    process = context.Process(target=serve, args=(other_end, folder))
    process.start()
    other_end.close()

    def kill() -> Used:
        process.kill()
        process.join()
        return Used()

    return connection, kill


class StudentProcess(StudentSide, Mapping[str, Any]):
    """A second Python process with a student's namespace, and the names in it.

    Use it as a context manager. As a mapping it gives proxies of the student's names.

    Args:
        call_seconds: the wall-clock limit of one call into the student's code.
        total_seconds: that of all calls together; then the process is ended.

    Attributes:
        used: what the process has used, once it has ended.
    """

    def __init__(
        self, call_seconds: float = CALL_SECONDS, total_seconds: float = SUBMISSION_SECONDS
    ) -> None:
        self.call_seconds = call_seconds
        self.seconds_left = total_seconds
        self.deadline = math.inf
        self.gone = False
        self.used = Used()
        self.ending = threading.Lock()
        self.answer_until = math.inf
        self.number = 0  # of the last request
        self.operators: dict[str, Remote] = {}
        self.names: dict[str, object] = {}
        # By the id of a tensor: itself, so that the id stays its own, and what it is there.
        self.changed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __enter__(self) -> StudentProcess:
        self.folder = tempfile.TemporaryDirectory(prefix="student-")
        self.connection, self.kill = start_process(self.folder.name)
        threading.Thread(target=self._watch, daemon=True).start()
        self.request("begin", names=[], wait=START_SECONDS)
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()
        with self.ending:
            self.connection.close()
        self.folder.cleanup()

    def _end(self) -> None:
        with self.ending:
            if not self.gone:
                self.used = self.kill()
            self.gone = True

    def _watch(self) -> None:
        """End a process that lets a request wait, half sent or half answered, beyond its time.

        To send, and to receive what has begun to come, has no limit of its own.
        """
        while not self.gone:
            if time.monotonic() > self.answer_until:
                self._end()
                # Something else may hold the other end: nothing comes from there any more. The
                # lock: a closed connection's number may be that of the next session's by now.
                with self.ending, contextlib.suppress(OSError), _socket_of(self.connection) as ours:
                    ours.shutdown(socket.SHUT_RDWR)
            time.sleep(WATCH_SECONDS)

    def request(self, do: str, *, wait: float | None = None, **fields: Any) -> codec.Message:
        """Send one request and return the answer.

        Raises:
            StudentGone: the process ended or did not answer in time.
            TimeLimit: the student's code ran longer than ``call_seconds``.
            NotImplementedError, StudentRaised: the student's code raised.
        """
        if self.gone:
            raise StudentGone(GONE)
        began = time.monotonic()
        if began >= self.deadline:
            raise TimeLimit
        seconds = fields.setdefault("seconds", min(self.call_seconds, self.deadline - began))
        patience = wait or seconds + GRACE_SECONDS
        try:
            self.answer_until = began + patience + GRACE_SECONDS
            self.number += 1
            self.connection.send_bytes(codec.dumps({"do": do, "number": self.number, **fields}))
            if not self.connection.poll(patience):
                raise EOFError
            data = self.connection.recv_bytes(ANSWER_BYTES)
            self.answer_until = math.inf
            answer = codec.loads(data)
            if not isinstance(answer, dict) or not answer.keys() & {"value", "error", "timeout"}:
                raise ValueError("no agent of ours answers so")
            if answer.get("number") != self.number:
                raise ValueError("the answer to another request, or to none")
        # What comes is data from a process that nobody trusts.
        except (EOFError, OSError, ValueError, RecursionError):
            self._end()
            raise StudentGone(GONE) from None
        self.seconds_left -= time.monotonic() - began
        if self.seconds_left < 0:
            self._end()
        if "timeout" in answer:
            raise TimeLimit
        if "error" in answer:
            raise _exception(answer)
        return answer

    def execute(self, source: str, seconds: float) -> bool:
        """Run a cell of the notebook; tell whether it ended without an exception."""
        self.names = {}
        self.deadline = math.inf
        return self.decode(self.request("execute", source=source, seconds=seconds)["value"]) is True

    def problem(self) -> str:
        """Return what the last cell that failed has raised, and in which lines."""
        text = self.decode(self.request("problem")["value"])
        return text if isinstance(text, str) else ""

    def begin_check(self, names: Iterable[str], seconds: float = math.inf) -> None:
        """Drop the handles of the last check, seed the student's process, and set a limit.

        Args:
            names: the student's names that the check uses, to look them up all at once.
            seconds: the wall-clock limit of the whole check.
        """
        self.operators.clear()
        self.changed.clear()
        self.names = {}
        self.deadline = time.monotonic() + seconds
        self._look_up("begin", names)

    def _look_up(self, do: str, names: Iterable[object]) -> None:
        found = self.decode(self.request(do, names=list(names))["value"])
        self.names |= found if isinstance(found, dict) else {}

    def decode(self, packed: object) -> Any:
        """Return what an answer holds.

        Raises:
            StudentGone: it holds what no agent of ours sends; the process is ended.
        """
        try:
            return codec.decode(packed, lambda number: Remote(self, number))
        except Exception:  # whatever a hostile process can make a decoder raise
            self._end()
            raise StudentGone(GONE) from None

    def encode(self, value: object, tensors: list[torch.Tensor]) -> Any:
        value = self._as_there(value) if self.changed else value
        return codec.encode(value, self._handle_of, tensors.append)

    def _as_there(self, value: Any) -> Any:
        """Return a value with the tensors that calls changed as they are in the other process."""
        if isinstance(value, torch.Tensor):
            while id(value) in self.changed:
                value = self.changed[id(value)][1]
        elif type(value) in (list, tuple):
            return type(value)(map(self._as_there, value))
        elif type(value) is dict:
            return {key: self._as_there(item) for key, item in value.items()}
        return value

    def _handle_of(self, value: object) -> int:
        if isinstance(value, Remote):
            number: int = object.__getattribute__(value, "_number")
            return number
        raise TypeError(
            f"a check cannot hand over {type(value).__name__}; use course_helper.inside "
            "or parameter to make it in the student's process"
        )

    def call(
        self, function: Remote, arguments: tuple[object, ...], keywords: dict[str, object]
    ) -> Any:
        """Call a student-side object; see the module's docstring for what crosses how."""
        tensors: list[torch.Tensor] = []
        answer = self.request(
            "call",
            function=self.encode(function, tensors),
            arguments=[self.encode(value, tensors) for value in arguments],
            keywords={name: self.encode(value, tensors) for name, value in keywords.items()},
        )
        self._note_changes(answer.get("changed", {}), tensors)
        return self.decode(answer["value"])

    def _note_changes(self, changed: Any, tensors: list[torch.Tensor]) -> None:
        """Note which arguments of a call are others now.

        Raises:
            StudentGone: it holds what no agent of ours sends; the process is ended.
        """
        try:
            for number, packed in changed.items():
                tensor = tensors[int(number)]
                self.changed[id(tensor)] = tensor, codec.unpack_tensor(packed)
        except Exception:
            self._end()
            raise StudentGone(GONE) from None

    def inside(self, path: str) -> Any:
        return self.decode(self.request("inside", path=path)["value"])

    def operator(self, path: str) -> Remote:
        """Return what ``inside`` returns; a check asks for the same few operators many times."""
        if path not in self.operators:
            self.operators[path] = self.inside(path)
        return self.operators[path]

    def plain(self, value: object) -> Any:
        if not isinstance(value, Remote):
            return super().plain(self._as_there(value))
        return self.decode(self.request("fetch", handle=self._handle_of(value))["value"])

    def __contains__(self, name: object) -> bool:
        if name not in self.names:
            self._look_up("names", [name])
        return name in self.names

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self.names[name]

    def __iter__(self) -> NoReturn:
        raise TypeError("a student's names cannot be listed, only looked up")

    __len__ = __iter__


def _exception(answer: codec.Message) -> Exception:
    kind = str(answer["error"])
    stub = NotImplementedError(str(answer.get("message", "")))
    if kind == "NotImplementedError" and is_stub(stub):
        return stub
    named = getattr(builtins, kind, None)
    known = isinstance(named, type) and issubclass(named, BaseException)
    error = kind if known else "Exception"
    return StudentRaised(Failure("error", str(answer.get("text", ""))[:MESSAGE_CHARACTERS], error))


class Remote:
    """A handle of an object in the student's process; it behaves like the object."""

    __slots__ = ("_number", "_session")

    def __init__(self, session: StudentProcess, number: int) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_number", number)

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        return self._session.call(self, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._session.operator("builtins.getattr")(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._session.operator("builtins.setattr")(self, name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._session.operator("builtins.list")(self))

    def __len__(self) -> int:
        try:
            length: int = self._session.operator("builtins.len")(self)
            return length
        except StudentRaised:  # list() takes a TypeError for "no length"
            raise TypeError("the object has no length") from None

    def __repr__(self) -> str:
        return "an object in the student's process"


def _forward(name: str, swapped: bool) -> Callable[..., Any]:
    def method(self: Remote, *others: object) -> Any:
        arguments = (*others, self) if swapped else (self, *others)
        return self._session.operator(f"operator.{name}")(*arguments)

    return method


for _name in ("neg", "getitem"):
    setattr(Remote, f"__{_name}__", _forward(_name, swapped=False))
for _name in ("add", "sub", "mul", "matmul", "truediv", "pow"):
    setattr(Remote, f"__{_name}__", _forward(_name, swapped=False))
    setattr(Remote, f"__r{_name}__", _forward(_name, swapped=True))
