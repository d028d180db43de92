"""The student's side of a remote judgement: runs cells and calls, and answers with plain data.

This module runs in the student's process. It knows no check and no expected value.
The trusted side is autograder.judging.session.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autograder.inside import codec
from autograder.inside.limits import DESCRIBE_SECONDS, MESSAGE_CHARACTERS
from autograder.inside.student.course_helper import (
    TimeLimit,
    builtin_name,
    describe_error,
    seed_everything,
    time_limit,
)


def serve(connection: Connection, folder: str) -> None:
    """Answer requests until the other end closes.

    Args:
        connection: one end of a pipe; requests and answers are JSON (autograder.inside.codec).
        folder: the working directory for the student's code.
    """
    importlib.import_module("autograder.inside.preload")  # before any limit runs
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"
    torch.set_num_threads(1)
    # The student's code may print as much as it likes, to nowhere.
    sink = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(sink, descriptor)
    agent = Agent()
    while True:
        try:
            request = codec.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(agent.reply(request))


class Shell(InteractiveShell):
    """A shell without history, and without tracebacks: nobody sees them, and they take long."""

    def showtraceback(self, *arguments: object, **keywords: object) -> None:
        pass


def shell() -> Shell:
    """Return the shell of this process. A server that forks agents makes it before it forks."""
    config = Config()
    config.HistoryManager.enabled = False
    return Shell.instance(config=config)


def describe_cell_error(error: BaseException) -> str:
    """Say what a cell raised, and where."""
    if isinstance(error, SyntaxError) and error.text:
        return (
            f"  it raised   SyntaxError: {error.msg}\n  line {error.lineno}:  {error.text.strip()}"
        )
    return describe_error(error, __file__)


class Agent:
    """Holds the student's namespace and the objects that the trusted side has handles of."""

    def __init__(self) -> None:
        self.shell: InteractiveShell = shell()
        self.objects: list[object] = []
        self.raised: BaseException | None = None  # by the last cell that failed

    def reply(self, request: codec.Message) -> bytes:
        """Carry out one request; return the bytes of the answer, which has the request's number."""
        number = {"number": request["number"]}
        try:
            return codec.dumps(self.answer(request) | number)
        except Exception as error:  # a number of a million digits is no JSON
            return codec.dumps(self.describe(error) | number)

    def answer(self, request: codec.Message) -> codec.Message:
        """Carry out one request; an exception becomes an answer, too."""
        actions: dict[str, Callable[[codec.Message], object]] = {
            "execute": self.execute,
            "problem": self.problem,
            "begin": self.begin,
            "names": self.names,
            "inside": lambda request: pkgutil.resolve_name(request["path"]),
            "fetch": self.fetch,
        }
        try:
            with time_limit(request.get("seconds", 0)):
                if request["do"] == "call":
                    return self.call(request)
                return {"value": self.encode(actions[request["do"]](request))}
        except BaseException as error:
            return self.describe(error)

    def describe(self, error: BaseException) -> codec.Message:
        """Return the answer that tells of an exception, of which nobody knows what it does."""
        if isinstance(error, TimeLimit):
            return {"timeout": True}
        kind = builtin_name(error)
        try:
            with time_limit(DESCRIBE_SECONDS):
                message, text = str(error), describe_error(error, __file__)
        except BaseException:
            message, text = "", f"  it raised   {kind}, which cannot be shown"
        return {
            "error": kind,
            "message": message[:MESSAGE_CHARACTERS],
            "text": text[:MESSAGE_CHARACTERS],
        }

    def encode(self, value: object) -> Any:
        """Return the JSON form of a value; keep the object itself if it is not plain."""
        codec.refuse_large(value)
        return codec.encode(value, self.keep)

    def keep(self, value: object) -> int:
        self.objects.append(value)
        return len(self.objects) - 1

    def execute(self, request: codec.Message) -> bool:
        """Run a cell as IPython does; tell whether it ended without an exception."""
        result = self.shell.run_cell(request["source"], store_history=False)
        if isinstance(result.error_in_exec, TimeLimit):
            raise result.error_in_exec
        if error := result.error_before_exec or result.error_in_exec:
            self.raised = error
        success: bool = result.success
        return success

    def problem(self, request: codec.Message) -> str:
        """Say what the last cell that failed has raised, and where."""
        return describe_cell_error(self.raised) if self.raised else ""

    def begin(self, request: codec.Message) -> codec.Message:
        """Start a check: forget the handles of the last one, seed, and return what it names."""
        self.objects.clear()
        seed_everything(0)
        return self.names(request)

    def names(self, request: codec.Message) -> codec.Message:
        """Return the objects of those names that there are."""
        names = self.shell.user_ns
        return {name: names[name] for name in request["names"] if name in names}

    def call(self, request: codec.Message) -> codec.Message:
        """Call an object; answer with the result and the tensor arguments it changed."""
        tensors: list[torch.Tensor] = []

        def decode(packed: object) -> Any:
            return codec.decode(packed, self.objects.__getitem__, tensors.append)

        function = decode(request["function"])
        arguments = [decode(packed) for packed in request["arguments"]]
        keywords = {name: decode(packed) for name, packed in request["keywords"].items()}
        originals = [tensor.clone() for tensor in tensors]
        result = function(*arguments, **keywords)
        changed = {
            str(number): codec.pack_tensor(tensor)
            for number, (tensor, original) in enumerate(zip(tensors, originals, strict=True))
            if codec.pack_tensor(tensor) != codec.pack_tensor(original)
        }
        return {"value": self.encode(result), "changed": changed}

    def fetch(self, request: codec.Message) -> object:
        """Return the value of a kept tensor, or describe another object."""
        value = self.objects[request["handle"]]
        if not isinstance(value, torch.Tensor):
            return {"a": type(value).__name__}
        return codec.unpack_tensor(codec.pack_tensor(value))
