"""Submissions that loop, end, crash, fill or confuse what grades them.

What could hurt a machine whose grader sets no limits is capped: 6 GB of memory, 1 GB of disk or
output, 200 processes that end after a minute, signals that a parent can catch. Notebook 01 has
56 points, one_hot 3 of them, MLP 5.
"""

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.attacks import answer, at_end, at_top, attack, solved

NOTEBOOK = "01_pytorch_basics"
FILE = f"{NOTEBOOK}.ipynb"
ALEXNET = "07_alexnet_readout"


def all_but(notebook: NotebookNode, **sources: str) -> NotebookNode:
    """Return notebook 01 with the master's answers, but these texts for some exercises."""
    return answer(solved(notebook, NOTEBOOK), **sources)


def as_text(notebook: NotebookNode) -> str:
    return json.dumps(notebook)


def archive(**members: bytes) -> bytes:
    """Return a zip archive of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


# --------------------------------------------------------------------------- endless


@attack(NOTEBOOK, honest=56)
def endless_cell(notebook: NotebookNode) -> NotebookNode:
    """An experiment between the answers never ends; the answers are right."""
    return at_top(solved(notebook, NOTEBOOK), "while True:\n    pass")


@attack(ALEXNET, honest=0)
def endless_function(notebook: NotebookNode) -> NotebookNode:
    """The function that the checks call never returns."""
    source = (
        "def output_size(size, kernel_size, stride=1, padding=0):\n    while True:\n        pass"
    )
    return answer(notebook, output_size=source)


@attack(NOTEBOOK, honest=56)
def endless_in_c(notebook: NotebookNode) -> NotebookNode:
    """A loop inside one call of C never looks for signals; all answers stand above it."""
    return at_end(solved(notebook, NOTEBOOK), "import itertools\nsum(itertools.repeat(0))")


@attack(NOTEBOOK, honest=3)
def endless_in_torch(notebook: NotebookNode) -> NotebookNode:
    """One call of torch computes for hours after the first exercise is done."""
    source = "big = torch.randn(9000, 9000)\ntorch.linalg.svd(big)"
    notebook = solved(notebook, NOTEBOOK, "one_hot")
    return answer(notebook, standardize=source)


@attack(NOTEBOOK, honest=53)
def endless_regular_expression(notebook: NotebookNode) -> NotebookNode:
    """A regular expression that backtracks exponentially, in a function."""
    source = (
        'import re\n\ndef one_hot(labels, classes):\n    return re.match("(a+)+$", "a" * 60 + "b")'
    )
    return all_but(notebook, one_hot=source)


@attack(NOTEBOOK, honest=0)
def swallowed_time_limit(notebook: NotebookNode) -> NotebookNode:
    """A loop catches whatever is raised to stop it, above answers that are right."""
    source = """\
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=51)
def alarm_switched_off(notebook: NotebookNode) -> NotebookNode:
    """The last exercise turns off the signals that could stop it, then loops."""
    source = """\
        import signal

        class MLP(nn.Module):
            def __init__(self, inputs, hidden, outputs):
                for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                    signal.signal(number, signal.SIG_IGN)
                signal.setitimer(signal.ITIMER_REAL, 0)
                while True:
                    pass
        """
    return all_but(notebook, MLP=_dedented(source))


@attack(ALEXNET, honest=0)
def deadlock(notebook: NotebookNode) -> NotebookNode:
    """A function waits for a lock that it holds itself."""
    source = """\
        import threading

        lock = threading.Lock()

        def output_size(size, kernel_size, stride=1, padding=0):
            with lock, lock:
                return size
        """
    return answer(notebook, output_size=_dedented(source))


@attack(NOTEBOOK, honest=56)
def half_an_answer(notebook: NotebookNode) -> NotebookNode:
    """The first byte of an answer of a thousand is sent to the grader, and no more."""
    source = """\
        import gc, os, signal, struct, time
        from multiprocessing.connection import Connection

        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        for pipe in [thing for thing in gc.get_objects() if isinstance(thing, Connection)]:
            os.write(pipe.fileno(), struct.pack("!i", 1000) + b"{")
        time.sleep(3600)
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def grader_not_heard(notebook: NotebookNode) -> NotebookNode:
    """The process reads no more, and the next cell is too large to wait in a pipe."""
    source = """\
        import gc, time
        from multiprocessing.connection import Connection

        Connection.recv_bytes = lambda *arguments: time.sleep(3600)
        """
    notebook = at_end(solved(notebook, NOTEBOOK), _dedented(source))
    return at_end(notebook, f"text = {'x' * 900_000!r}")


@attack(NOTEBOOK, honest=56)
def waiting_widget(notebook: NotebookNode) -> NotebookNode:
    """A cell awaits a click that nobody makes."""
    return at_end(solved(notebook, NOTEBOOK), "import asyncio\nawait asyncio.Future()")


@attack(NOTEBOOK, honest=56)
def sleeping_program(notebook: NotebookNode) -> NotebookNode:
    """A cell runs a program that sleeps for an hour."""
    return at_end(solved(notebook, NOTEBOOK), "%%bash\nsleep 3600")


@attack(NOTEBOOK, honest=56)
def thread_that_stays(notebook: NotebookNode) -> NotebookNode:
    """A thread that is no daemon computes for ever beside the answers and keeps Python alive."""
    source = """\
        import threading, time

        def busy():
            while True:
                time.sleep(0.001)

        threading.Thread(target=busy).start()
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def exit_that_never_ends(notebook: NotebookNode) -> NotebookNode:
    """What is registered to run at exit sleeps, and SIGTERM is ignored."""
    source = """\
        import atexit, signal, time

        atexit.register(time.sleep, 3600)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def slow_for_every_object(notebook: NotebookNode) -> NotebookNode:
    """The garbage collector is given a callback that fails and a million objects to look at."""
    source = """\
        import gc

        gc.callbacks.append(lambda phase, info: 1 / 0)
        gc.set_threshold(1, 1, 1)
        gc.collect()
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


# --------------------------------------------------------------------------- too much


@attack(NOTEBOOK, honest=56)
def fork_bomb(notebook: NotebookNode) -> NotebookNode:
    """A cell forks two hundred processes that stay for a minute."""
    source = """\
        import os, time

        for _ in range(200):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def thread_bomb(notebook: NotebookNode) -> NotebookNode:
    """A cell starts two thousand threads, which end after a minute."""
    source = """\
        import threading, time

        for _ in range(2000):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=3)
def memory_in_steps(notebook: NotebookNode) -> NotebookNode:
    """The second exercise takes memory, ignores that there is none left, and goes on."""
    source = """\
        kept = []
        for _ in range(6 * 1024 // 64):
            try:
                kept.append(bytearray(b"x" * (64 << 20)))
            except MemoryError:
                pass
        import os
        os._exit(1)
        """
    notebook = solved(notebook, NOTEBOOK, "one_hot")
    return answer(notebook, standardize=_dedented(source))


@attack(NOTEBOOK, honest=53)
def memory_in_torch(notebook: NotebookNode) -> NotebookNode:
    """A function asks torch for a terabyte, and for 6 GB."""
    source = """\
        def one_hot(labels, classes):
            try:
                return torch.empty(1 << 40)
            except RuntimeError:
                return torch.ones(6, 1 << 30, dtype=torch.uint8)
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=56)
def memory_of_children(notebook: NotebookNode) -> NotebookNode:
    """Six processes take a gigabyte each, so that none of them is large."""
    source = """\
        import os, time

        for _ in range(6):
            if os.fork() == 0:
                block = bytearray(b"x" * (1 << 30))
                time.sleep(20)
                os._exit(0)
        time.sleep(3)
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def full_disk(notebook: NotebookNode) -> NotebookNode:
    """A cell writes a gigabyte into the working folder."""
    source = """\
        with open("filler", "wb") as file:
            for _ in range(1024):
                file.write(bytes(1 << 20))
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=3)
def full_shared_memory(notebook: NotebookNode) -> NotebookNode:
    """The second exercise fills /dev/shm with blocks that outlive it, until that kills it."""
    source = """\
        from multiprocessing import shared_memory

        blocks = []
        for _ in range(16):
            blocks.append(shared_memory.SharedMemory(create=True, size=64 << 20))
            blocks[-1].buf[:] = bytes(64 << 20)
        """
    notebook = solved(notebook, NOTEBOOK)
    return answer(notebook, standardize=_dedented(source))


@attack(NOTEBOOK, honest=56)
def many_files(notebook: NotebookNode) -> NotebookNode:
    """A cell makes thirty thousand empty files in folders within folders."""
    source = """\
        import os

        for number in range(30):
            os.makedirs("folder/" * (number + 1), exist_ok=True)
            for name in range(1000):
                open("folder/" * (number + 1) + str(name), "w").close()
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def gigabyte_of_output(notebook: NotebookNode) -> NotebookNode:
    """A cell prints a gigabyte."""
    source = 'for _ in range(1024):\n    print("x" * (1 << 20))'
    return at_top(solved(notebook, NOTEBOOK), source)


@attack(NOTEBOOK, honest=56)
def million_outputs(notebook: NotebookNode) -> NotebookNode:
    """A cell shows a hundred thousand small outputs, on stdout and stderr by turns."""
    source = """\
        import sys

        for number in range(100_000):
            print(number, flush=True, file=(sys.stdout, sys.stderr)[number % 2])
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def all_descriptors(notebook: NotebookNode) -> NotebookNode:
    """A cell opens files until the system refuses, and keeps them."""
    source = """\
        kept = []
        try:
            while len(kept) < 100_000:
                kept.append(open("/dev/null"))
        except OSError:
            pass
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


# --------------------------------------------------------------------------- the end


@attack(NOTEBOOK, honest=3)
def exit_in_a_cell(notebook: NotebookNode) -> NotebookNode:
    """Python ends at once in the cell of the second exercise."""
    notebook = solved(notebook, NOTEBOOK)
    return answer(notebook, standardize="import os\nos._exit(0)")


@attack(NOTEBOOK, honest=51)
def exit_in_a_function(notebook: NotebookNode) -> NotebookNode:
    """The last exercise ends Python when it is called."""
    source = "import os\n\ndef MLP(*sizes):\n    os._exit(0)"
    return all_but(notebook, MLP=source)


@attack(NOTEBOOK, honest=53)
def polite_exit(notebook: NotebookNode) -> NotebookNode:
    """The first exercise calls sys.exit when it is called, and as a cell."""
    source = "import sys\n\ndef one_hot(labels, classes):\n    sys.exit(0)\n\nsys.exit()"
    return all_but(notebook, one_hot=source)


@attack(NOTEBOOK, honest=53)
def pressed_ctrl_c(notebook: NotebookNode) -> NotebookNode:
    """KeyboardInterrupt, with which a person stops a grader, is raised by a function."""
    source = "def one_hot(labels, classes):\n    raise KeyboardInterrupt"
    return all_but(notebook, one_hot=source)


@attack(NOTEBOOK, honest=53)
def cancelled(notebook: NotebookNode) -> NotebookNode:
    """GeneratorExit and CancelledError, which clean-up code lets pass, come from a function."""
    source = """\
        import asyncio

        def one_hot(labels, classes):
            raise asyncio.CancelledError if classes == 3 else GeneratorExit
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=3)
def segmentation_fault(notebook: NotebookNode) -> NotebookNode:
    """A cell reads address 0."""
    notebook = solved(notebook, NOTEBOOK)
    return answer(notebook, standardize="import ctypes\nctypes.string_at(0)")


@attack(NOTEBOOK, honest=51)
def abort_in_a_method(notebook: NotebookNode) -> NotebookNode:
    """The forward of the last exercise calls abort, which wants to dump core."""
    source = """\
        import os

        class MLP(nn.Module):
            def __init__(self, inputs, hidden, outputs):
                os.abort()
        """
    return all_but(notebook, MLP=_dedented(source))


@attack(NOTEBOOK, honest=56)
def signals_to_the_parent(notebook: NotebookNode) -> NotebookNode:
    """A cell sends SIGINT and SIGTERM to the process that started this one."""
    source = """\
        import os, signal

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                os.kill(os.getppid(), number)
            except OSError:
                pass
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def signals_to_the_group(notebook: NotebookNode) -> NotebookNode:
    """A cell sends SIGTERM to its whole process group."""
    return at_end(solved(notebook, NOTEBOOK), "import os, signal\nos.killpg(0, signal.SIGTERM)")


@attack(NOTEBOOK, honest=56)
def stopped(notebook: NotebookNode) -> NotebookNode:
    """The process stops itself, neither dead nor answering."""
    return at_end(
        solved(notebook, NOTEBOOK), "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
    )


@attack(NOTEBOOK, honest=0)
def closed_descriptors(notebook: NotebookNode) -> NotebookNode:
    """Every descriptor is closed before the first exercise, the grader's pipe too."""
    return at_top(solved(notebook, NOTEBOOK), "import os\nos.closerange(0, 256)")


@attack(NOTEBOOK, honest=51)
def deep_recursion(notebook: NotebookNode) -> NotebookNode:
    """The limit of recursion is lifted, and a repr of a million levels bursts C's stack."""
    source = """\
        import sys

        def MLP(*sizes):
            sys.setrecursionlimit(1 << 30)
            nest = []
            for _ in range(1_000_000):
                nest = [nest]
            return repr(nest)
        """
    return all_but(notebook, MLP=_dedented(source))


@attack(NOTEBOOK, honest=53)
def recursion(notebook: NotebookNode) -> NotebookNode:
    """A function calls itself without end."""
    source = "def one_hot(labels, classes):\n    return one_hot(labels, classes)"
    return all_but(notebook, one_hot=source)


@attack(NOTEBOOK, honest=56)
def question_to_nobody(notebook: NotebookNode) -> NotebookNode:
    """A cell asks for input."""
    return at_top(solved(notebook, NOTEBOOK), 'name = input("Your name? ")')


@attack(NOTEBOOK, honest=56)
def kernel_told_to_stop(notebook: NotebookNode) -> NotebookNode:
    """A cell tells the kernel to shut down, and IPython to exit."""
    source = """\
        get_ipython().ask_exit()
        get_ipython().kernel.do_shutdown(False)
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


# --------------------------------------------------------------------------- spoilt surroundings


@attack(NOTEBOOK, honest=3)
def builtins_gone(notebook: NotebookNode) -> NotebookNode:
    """After the first exercise all of Python's built-in names are deleted."""
    notebook = solved(notebook, NOTEBOOK)
    return answer(notebook, standardize="import builtins\nvars(builtins).clear()")


@attack(NOTEBOOK, honest=56)
def data_deleted(notebook: NotebookNode) -> NotebookNode:
    """A cell deletes the course's data, its helper and Python, then goes to a deleted folder."""
    source = """\
        import os, pathlib, shutil, sys
        import course_helper

        helper = pathlib.Path(course_helper.__file__).parent
        data = os.environ.get("COURSE_DATA", "none")
        for place in (data, helper, pathlib.Path(torch.__file__).parent):
            if os.getcwd() == "/own":  # in a jail alone: elsewhere it would succeed
                shutil.rmtree(place, ignore_errors=True)
                os.system(f"chmod -R 000 {place} 2>/dev/null")
        os.makedirs("gone", exist_ok=True)
        os.chdir("gone")
        os.rmdir("../gone")
        """
    return at_top(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=56)
def all_threads(notebook: NotebookNode) -> NotebookNode:
    """Torch is told to use five hundred threads a call, and cannot be told otherwise."""
    source = """\
        torch.set_num_threads(500)
        torch.set_num_threads = lambda count: None
        torch.randn(2000, 2000) @ torch.randn(2000, 2000)
        """
    return at_end(solved(notebook, NOTEBOOK), _dedented(source))


@attack(NOTEBOOK, honest=3)
def modules_gone(notebook: NotebookNode) -> NotebookNode:
    """Every loaded module is emptied after the first exercise."""
    source = """\
        import sys

        for name in [n for n in sys.modules if n.startswith(("torch", "json", "codec"))]:
            vars(sys.modules[name]).clear()
        """
    notebook = solved(notebook, NOTEBOOK)
    return answer(notebook, standardize=_dedented(source))


# --------------------------------------------------------------------------- hostile objects


@attack(NOTEBOOK, honest=53)
def megabytes_of_message(notebook: NotebookNode) -> NotebookNode:
    """Every call raises an exception of 20 MB of text."""
    source = 'def one_hot(labels, classes):\n    raise ValueError("no " * 7_000_000)'
    return all_but(notebook, one_hot=source)


@attack(NOTEBOOK, honest=53)
def message_of_odd_letters(notebook: NotebookNode) -> NotebookNode:
    """A message holds half characters, NUL, escapes, rich's markup, a formula and a script."""
    source = """\
        def one_hot(labels, classes):
            odd = "\\ud800 \\0 \\x1b[31m [red]bold[/] [/nothing] =cmd|' /C calc'!A0 \\u202e"
            raise RuntimeError("=1+1;" + odd + "<script>alert(1)</script> ]]> {{ 7 * 7 }} %s")
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def exception_that_cannot_speak(notebook: NotebookNode) -> NotebookNode:
    """To turn the exception into text raises another one, which cannot be turned either."""
    source = """\
        class Mute(Exception):
            def __str__(self):
                raise Mute()

            __repr__ = __str__

        def one_hot(labels, classes):
            raise Mute()
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def exception_that_talks_for_ever(notebook: NotebookNode) -> NotebookNode:
    """To turn the exception into text never ends."""
    source = """\
        class Endless(Exception):
            def __str__(self):
                while True:
                    pass

        def one_hot(labels, classes):
            if classes == 3:
                raise Endless()
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def exception_of_a_strange_class(notebook: NotebookNode) -> NotebookNode:
    """The class of the exception lies about its name, its module and its bases."""
    source = """\
        class Strange(type):
            __mro__ = property(lambda cls: ())
            __name__ = property(lambda cls: 1 / 0)

            def __instancecheck__(cls, thing):
                raise SystemExit

        class Odd(Exception, metaclass=Strange):
            __module__ = "builtins"
            __traceback__ = property(lambda self: 1 / 0)

        def one_hot(labels, classes):
            raise Odd()
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def result_that_bites(notebook: NotebookNode) -> NotebookNode:
    """The result runs code when it is shown, compared, pickled, measured, or forgotten."""
    source = """\
        def bite(self, *arguments, **keywords):
            raise SystemExit

        names = "repr str eq hash len iter getattr reduce del bool float getitem sub array".split()
        Result = type("Result", (), {f"__{name}__": bite for name in names})

        def one_hot(labels, classes):
            return Result()
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def deep_result(notebook: NotebookNode) -> NotebookNode:
    """The result is a list nested a million deep, and one that holds itself."""
    source = """\
        def one_hot(labels, classes):
            nest = []
            if classes == 3:
                nest.append(nest)
            for _ in range(1_000_000):
                nest = [nest]
            return nest
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def heavy_result(notebook: NotebookNode) -> NotebookNode:
    """The result is 200 MB of nested lists."""
    source = """\
        def one_hot(labels, classes):
            return [[number] * 10 for number in range(1_000_000)]
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def huge_number(notebook: NotebookNode) -> NotebookNode:
    """The result is a whole number of a million digits, and no number."""
    source = """\
        def one_hot(labels, classes):
            return 10 ** 1_000_000 if classes == 3 else float("nan")
        """
    return all_but(notebook, one_hot=_dedented(source))


@attack(NOTEBOOK, honest=53)
def odd_tensors(notebook: NotebookNode) -> NotebookNode:
    """The result is a sparse complex tensor, or an expanded one of 4 TB."""
    source = """\
        def one_hot(labels, classes):
            if len(labels) == 2:
                return torch.zeros(1).expand(1 << 20, 1 << 20)
            return torch.eye(len(labels), classes, dtype=torch.complex64).to_sparse()
        """
    return all_but(notebook, one_hot=_dedented(source))


# --------------------------------------------------------------------------- files that are none


@attack(NOTEBOOK, honest=0)
def empty_file(notebook: NotebookNode) -> bytes:
    """The file has no byte."""
    return b""


@attack(NOTEBOOK, honest=0)
def truncated(notebook: NotebookNode) -> bytes:
    """The upload broke off in the middle."""
    text = as_text(solved(notebook, NOTEBOOK)).encode()
    return text[: len(text) // 2]


@attack(NOTEBOOK, honest=0)
def a_list(notebook: NotebookNode) -> bytes:
    """The file is a JSON list of the cells."""
    return json.dumps(notebook.cells).encode()


@attack(NOTEBOOK, honest=0)
def nested_without_end(notebook: NotebookNode) -> bytes:
    """The file opens a hundred thousand brackets."""
    return b'{"cells": ' + b"[" * 100_000


@attack(NOTEBOOK, honest=56)
def deep_metadata(notebook: NotebookNode) -> bytes:
    """A cell's metadata are nested nine hundred deep, and full of what is no number."""
    notebook = solved(notebook, NOTEBOOK)
    notebook.cells[0].metadata["deep"] = "HERE"
    nest = '{"a": [' * 450 + "NaN, -Infinity" + "]}" * 450
    return as_text(notebook).replace('"HERE"', nest).encode()


@attack(NOTEBOOK, honest=56)
def cells_of_wrong_types(notebook: NotebookNode) -> bytes:
    """Among the right cells are numbers, lists, and cells whose every field has a wrong type."""
    odd = {"cell_type": 1, "source": {"a": 1}, "metadata": [], "outputs": "x", "id": None}
    cells = [7, None, "cell", [], odd, {**odd, "cell_type": "code", "source": [1, None, ["x"]]}]
    return json.dumps({"cells": cells + solved(notebook, NOTEBOOK).cells}).encode()


@attack(NOTEBOOK, honest=56)
def old_format(notebook: NotebookNode) -> bytes:
    """The notebook was saved in the format of 2012."""
    old = nbformat.convert(solved(notebook, NOTEBOOK), 3)
    return nbformat.v3.writes_json(old).encode()


@attack(NOTEBOOK, honest=0)
def source_of_numbers(notebook: NotebookNode) -> bytes:
    """The source of every cell is a number."""
    for cell in notebook.cells:
        cell["source"] = 12345
    return as_text(notebook).encode()


@attack(NOTEBOOK, honest=0)
def too_large_a_cell(notebook: NotebookNode) -> bytes:
    """A cell holds 50 MB of text."""
    notebook.cells.append(new_code_cell("x = 1\n" * 8_000_000))
    return as_text(notebook).encode()


@attack(NOTEBOOK, honest=0)
def too_many_cells(notebook: NotebookNode) -> bytes:
    """The notebook has ten thousand cells more than the released one."""
    notebook.cells += [new_code_cell("pass")] * 10_001
    return as_text(notebook).encode()


@attack(NOTEBOOK, honest=56)
def keys_twice(notebook: NotebookNode) -> bytes:
    """Every cell says twice what it is; the last word counts, as in any reader of JSON."""
    text = as_text(solved(notebook, NOTEBOOK))
    return text.replace('"cell_type": ', '"cell_type": "raw", "cell_type": ').encode()


@attack(NOTEBOOK, honest=56)
def sixteen_bits(notebook: NotebookNode) -> bytes:
    """An editor saved the file as UTF-16."""
    return as_text(solved(notebook, NOTEBOOK)).encode("utf-16")


@attack(NOTEBOOK, honest=56)
def old_encoding(notebook: NotebookNode) -> bytes:
    """An editor saved the file as Latin-1, with umlauts in it."""
    notebook = at_top(solved(notebook, NOTEBOOK), "# für größere Übungen: \xe9\xff")
    text = json.dumps(notebook, ensure_ascii=False)
    return text.encode("latin-1", "replace")


@attack(NOTEBOOK, honest=56)
def half_characters(notebook: NotebookNode) -> bytes:
    """Sources, ids and grade ids hold halves of characters, which no file can hold."""
    notebook = at_top(solved(notebook, NOTEBOOK), "odd = '\ud800'")
    notebook.cells.append(new_code_cell("'\udfff'"))
    notebook.cells[-1]["id"] = "\ud83d"
    notebook.cells[-1].metadata["nbgrader"] = {"grade_id": "\udead", "grade": True, "points": 9}
    return as_text(notebook).encode()


@attack(NOTEBOOK, honest=56)
def byte_order_mark(notebook: NotebookNode) -> bytes:
    """The file begins with a byte order mark and blank lines."""
    return b"\xef\xbb\xbf\r\n\r\n" + as_text(solved(notebook, NOTEBOOK)).encode()


@attack(NOTEBOOK, honest=0)
def web_page(notebook: NotebookNode) -> bytes:
    """The file is the notebook's page on a web site."""
    return b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


@attack(NOTEBOOK, honest=0)
def printed(notebook: NotebookNode) -> bytes:
    """The file is a PDF."""
    return b"%PDF-1.7\n" + bytes(range(256)) * 100


@attack(NOTEBOOK, honest=0)
def a_number_of_digits(notebook: NotebookNode) -> bytes:
    """The file is a number of a million digits, which takes minutes to read."""
    return b'{"nbformat": ' + b"9" * 1_000_000 + b', "cells": []}'


# --------------------------------------------------------------------------- links and archives


@attack(NOTEBOOK, honest=0)
def link_to_a_system_file(notebook: NotebookNode) -> dict[str, Path]:
    """The notebook is a symbolic link to /etc/passwd."""
    return {FILE: Path("/etc/passwd")}


@attack(NOTEBOOK, honest=0)
def link_to_a_classmate(notebook: NotebookNode) -> dict[str, Path]:
    """The notebook is a symbolic link to the file of another student."""
    return {FILE: Path(f"../../zz-honest/{NOTEBOOK}/{FILE}")}


@attack(NOTEBOOK, honest=0)
def link_to_itself(notebook: NotebookNode) -> dict[str, Path]:
    """The notebook is a symbolic link to itself, in a folder that links to its parent."""
    return {FILE: Path(FILE), "again": Path("..")}


@attack(NOTEBOOK, honest=0)
def zip_bomb(notebook: NotebookNode) -> dict[str, bytes]:
    """A small archive unpacks to more than any notebook may be."""
    return {f"{NOTEBOOK}.zip": archive(**{FILE: bytes(1 << 27)})}


@attack(NOTEBOOK, honest=0)
def paths_that_leave(notebook: NotebookNode) -> dict[str, bytes]:
    """An archive holds files for the folders above it and for /tmp."""
    evil = as_text(solved(notebook, NOTEBOOK)).encode()
    names = (f"../../zz-honest/{NOTEBOOK}/{FILE}", f"/tmp/{FILE}", f"C:\\{FILE}")
    return {"homework.zip": archive(**dict.fromkeys(names, evil))}


@attack(NOTEBOOK, honest=0)
def archive_called_notebook(notebook: NotebookNode) -> bytes:
    """A right notebook is in a zip archive that is called .ipynb."""
    return archive(**{FILE: as_text(solved(notebook, NOTEBOOK)).encode()})


# --------------------------------------------------------------------------- pages that hang


@attack(NOTEBOOK, honest=56)
def endless_markdown(notebook: NotebookNode) -> NotebookNode:
    """Texts whose markup takes a renderer exponential or quadratic time."""
    texts = (
        "[" * 50_000,
        "*a **b " * 20_000,
        "![" * 20_000 + "](" * 20_000,
        "> " * 20_000 + "x",
        "`" + "``a" * 20_000,
        "<" * 50_000 + "a " * 50_000,
        "$" * 900_000,
        "| a " * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "| b " * 50_000,
    )
    notebook.cells += [new_markdown_cell(text) for text in texts]
    return solved(notebook, NOTEBOOK)


@attack(NOTEBOOK, honest=56)
def endless_colours(notebook: NotebookNode) -> NotebookNode:
    """Code that never runs is hard to highlight: magics, strings and brackets without end."""
    texts = (
        "%%latex\n" + "\\begin{" * 100_000,
        "%%javascript\n" + "/" * 1 + "a" * 300_000,
        "%%html\n" + "<a " * 100_000,
        "%%perl\n" + "q{" * 50_000,
        "if False:\n    x = '" + "{" * 300_000 + "'",
        "# " + "é\u0301" * 200_000,
    )
    notebook.cells += [new_code_cell(text) for text in texts]
    return solved(notebook, NOTEBOOK)


@attack(NOTEBOOK, honest=56)
def scripts(notebook: NotebookNode) -> NotebookNode:
    """Texts and outputs hold scripts for whoever opens the feedback."""
    script = "<script>document.title = 'HACKED'</script>"
    picture = '<img src="x" onerror="document.title = 1"><svg onload="document.title = 1">'
    link = '[here](javascript:alert(1)) <a href="javascript:alert(1)">there</a>'
    frames = '<iframe srcdoc="<script>top.document.title = 1</script>"></iframe><base href="//x">'
    kinds = {"text/html": script, "application/javascript": "alert(1)", "text/plain": script}
    kinds["image/svg+xml"] = f'<svg xmlns="http://www.w3.org/2000/svg">{script}</svg>'
    outputs = [
        new_output("display_data", kinds),
        new_output("stream", text=script),
        new_output("error", ename=script, evalue=script, traceback=[script]),
    ]
    notebook.cells.append(new_code_cell(f"text = {script!r}", outputs=outputs))
    notebook.cells.append(new_markdown_cell("\n\n".join((script, picture, link, frames))))
    return answer(solved(notebook, NOTEBOOK), nn_or_by_hand=script + picture)


@attack(NOTEBOOK, honest=56)
def closed_page(notebook: NotebookNode) -> NotebookNode:
    """A text closes the page and covers the scores with a better one."""
    cover = (
        "</div></div></main></body></html><style>* {display: none}</style>"
        '<h1 style="position: fixed; inset: 0; z-index: 9">100 %</h1><!-- <textarea>'
    )
    return answer(solved(notebook, NOTEBOOK), nn_or_by_hand=cover)


@attack(NOTEBOOK, honest=56)
def beacons(notebook: NotebookNode) -> NotebookNode:
    """Pictures lie on a machine of the student's, which learns who opens the feedback."""
    pictures = r"![x](//evil.example/b.png) <img src='\\evil.example\share\x.png'>"
    return answer(solved(notebook, NOTEBOOK), nn_or_by_hand=pictures)


@attack(NOTEBOOK, honest=56)
def spelt_links(notebook: NotebookNode) -> NotebookNode:
    """Formulas become links to a script once the page is rid of what stands between the letters."""
    link = "{javascript:alert(1)}{click}$"
    parts = (rf"$\hr<x></x>ef{link}", rf"$&#92;href{link}", rf"$\\href{link}")
    text = "\n\n".join(f"<p>{part}</p>" for part in parts) + rf" $\&#104;ref{link}"
    return answer(solved(notebook, NOTEBOOK), nn_or_by_hand=text)


@attack(NOTEBOOK, honest=56)
def picture_left_behind(notebook: NotebookNode) -> NotebookNode:
    """Texts show pictures that are not attached, or of a kind that is not taken in."""
    notebook.cells.append(new_markdown_cell("![x](attachment:image.gif) ![y](attachment:b.svg)"))
    notebook.cells[-1]["attachments"] = {"b.svg": {"image/svg+xml": "PHN2Zy8+"}}
    return solved(notebook, NOTEBOOK)


@attack(NOTEBOOK, honest=56)
def giant_pictures(notebook: NotebookNode) -> NotebookNode:
    """A picture of 30 MB in an output, one of 100,000 by 100,000 pixels pasted into a text."""
    small = base64.b64encode(_png(100_000, 100_000)).decode()
    large = base64.b64encode(bytes(22_000_000)).decode()
    output = new_output("display_data", {"image/png": large})
    notebook.cells.append(new_code_cell("1", outputs=[output]))
    notebook.cells.append(new_markdown_cell("![](attachment:a.png)"))
    notebook.cells[-1]["attachments"] = {"a.png": {"image/png": small}, "b.png": {"a": large}}
    return solved(notebook, NOTEBOOK)


@attack(NOTEBOOK, honest=56)
def million_saved_outputs(notebook: NotebookNode) -> NotebookNode:
    """The file holds three hundred thousand outputs of one letter each."""
    output = new_output("stream", text="x")
    notebook.cells.append(new_code_cell("1", outputs=[output] * 300_000))
    return solved(notebook, NOTEBOOK)


@attack(NOTEBOOK, honest=56)
def coloured_traceback(notebook: NotebookNode) -> NotebookNode:
    """Outputs are tracebacks of megabytes, every letter in a colour of its own."""
    line = "".join(f"\x1b[{30 + n % 8};1;4{n % 8}mx" for n in range(20_000))
    output = new_output("error", ename="E", evalue="e", traceback=[line] * 30)
    small = new_output("stream", text=line[:150_000])
    cells = [new_code_cell("1", outputs=[output])]
    cells += [new_code_cell(f"{n}", outputs=[small]) for n in range(12)]
    notebook.cells += cells
    return solved(notebook, NOTEBOOK)


def _dedented(source: str) -> str:
    """Return source text without the eight blanks that all its lines begin with."""
    return "\n".join(line[8:] for line in source.splitlines())


def _png(width: int, height: int) -> bytes:
    """Return the start of a picture that claims to have this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
