"""Submissions written to be graded better than they are, to learn secrets, or to break a grader.

A module a family. Its functions are attacks: each makes a submission out of a fresh student copy
and is decorated with what an honest grader gives it.

    @attack("01_pytorch_basics", honest=0)
    def patched_isclose(notebook):
        '''torch.isclose says of everything that it is close.'''
        return at_top(notebook, "torch.isclose = lambda *a, **k: torch.tensor(True)")

An attack that learns a secret says it aloud: it puts ``LOOT_CODE``'s ``loot(...)`` wherever its
text might reach what a student gets back. So a leak is found by searching for that mark.
"""

from __future__ import annotations

import copy
import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.course.cells import grade_id, with_answers
from autograder.course.config import load_course
from autograder.course.master import load_master, without_markers

ROOT = Path(__file__).resolve().parent.parent.parent
FAMILIES = ("forging", "stealing", "hard_coding", "breaking")
# The mark is put together while the code runs: a page that shows the code alone has none of it.
# Nothing in it is written otherwise in HTML or JSON.
LOOT_MARK = "LO" + "OT:"
LOOT_CODE = '''\
def loot(*secrets):
    """Return a text that says what was learnt; empty if it is nothing."""
    text = " ".join(str(secret) for secret in secrets if str(secret))
    return "LO" + "OT: " + text + "." if text else ""
'''
# What an attack makes: the notebook, the bytes of its file, or a folder's files by name, of which
# a path stands for a symbolic link to it.
Made = NotebookNode | bytes | Mapping[str, bytes | Path]


@dataclass(frozen=True)
class Attack:
    """A hostile submission.

    Attributes:
        family, name: "forging", "stealing", "hard_coding" or "breaking"; the function's name.
        notebook: the full name of the notebook that it claims to be.
        honest: the points of the checks that an honest grader gives it.
        summary: what it tries, a sentence.
        make: turns a fresh student copy into what is handed in.
    """

    family: str
    name: str
    notebook: str
    honest: float
    summary: str
    make: Callable[[NotebookNode], Made]

    def write(self, folder: Path) -> None:
        """Write the submission into a new folder."""
        folder.mkdir(parents=True)
        made = self.make(copy.deepcopy(student_copy(self.notebook)))
        if isinstance(made, NotebookNode):
            made = nbformat.writes(made).encode()
        files = {f"{self.notebook}.ipynb": made} if isinstance(made, bytes) else made
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                path.symlink_to(content)
            else:
                path.write_bytes(content)


def attack(notebook: str, *, honest: float) -> Callable[[Callable[[NotebookNode], Made]], Attack]:
    """Register the decorated function as an attack; see Attack for the arguments."""

    def register(function: Callable[[NotebookNode], Made]) -> Attack:
        family = function.__module__.rpartition(".")[2]
        summary = " ".join(function.__doc__.split())
        made = Attack(family, function.__name__, notebook, honest, summary, function)
        attacks = function.__globals__.setdefault("ATTACKS", [])
        if any(made.name == other.name for other in attacks):
            raise ValueError(f"two attacks are called {made.name}")
        attacks.append(made)
        return made

    return register


def load_attacks() -> list[Attack]:
    """Return the attacks of all families."""
    modules = [importlib.import_module(f"{__name__}.{family}") for family in FAMILIES]
    return [made for module in modules for made in module.ATTACKS]


@functools.cache
def student_copy(name: str) -> NotebookNode:
    """Return the student copy of a notebook; it is not to be changed."""
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@functools.cache
def master_answers(name: str) -> dict[str, str]:
    """Return the master's solution of each exercise of a notebook."""
    cells = load_master(load_course(ROOT), name).cells
    return {cell.exercise: without_markers(cell.source) for cell in cells if cell.exercise}


def answer(notebook: NotebookNode, **sources: str) -> NotebookNode:
    """Return the notebook with these texts in the cells of the exercises."""
    keys = {grade_id(cell) for cell in notebook.cells}
    if unknown := sources.keys() - keys:
        raise ValueError(f"the notebook has no exercise {', '.join(sorted(unknown))}")
    return with_answers(notebook, sources)


def solved(notebook: NotebookNode, name: str, *exercises: str) -> NotebookNode:
    """Return the notebook with the master's answers to these exercises, or to all.

    Args:
        notebook: a student copy.
        name: of the notebook.
        exercises: their ids.
    """
    answers = master_answers(name)
    return answer(notebook, **{e: answers[e] for e in exercises or answers})


def at_top(notebook: NotebookNode, source: str) -> NotebookNode:
    """Return the notebook with one more code cell, after its imports."""
    first = next(n for n, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader"))
    notebook.cells.insert(first, new_code_cell(source))
    return notebook


def at_end(notebook: NotebookNode, source: str) -> NotebookNode:
    """Return the notebook with one more code cell, the last."""
    notebook.cells.append(new_code_cell(source))
    return notebook
