"""A released notebook and its texts, as a submission's cells are compared with them."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter, defaultdict
from functools import cached_property

from nbformat import NotebookNode

from autograder.course.cells import nbgrader_settings
from autograder.inside.limits import MAX_PARSED

DEFINITION = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)


def normal(text: str) -> str:
    """Return a text without what an editor may change about its white space."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def defined_names(source: str, is_code: bool, wanted: frozenset[str]) -> frozenset[str]:
    """Return which of some functions and classes a cell defines at its top level.

    The cell is parsed, not run. Where code does not parse (it holds a magic, or a
    mistake), the lines that begin with a definition count.

    Args:
        source: the text of the cell.
        is_code: whether it is a code cell; text that does not parse defines nothing.
        wanted: the names to look for.
    """
    begun = wanted.intersection(DEFINITION.findall(source))
    unparsed = begun if is_code else frozenset()
    if not begun or len(source) > MAX_PARSED:
        return unparsed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in the student's strings
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return unparsed
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return begun.intersection(node.name for node in body if isinstance(node, kinds))


def words(text: str) -> Counter:
    """Return the words of a text with their numbers."""
    return Counter(re.findall(r"\w+", text))


def similarity(one: Counter, other: Counter) -> float:
    """Return the share of words that two texts have in common, from 0 to 1."""
    total = one.total() + other.total()
    fewer, more = sorted((one, other), key=len)
    return 2 * (fewer & more).total() / total if total else 1.0


class Release:
    """A released notebook, by what a submission's cells are compared with.

    Attributes:
        cells: in order; a cell is known by its number.
        keys: from grade id to number.
        fixed: the numbers of checks and other locked cells.
        slots: the numbers of the cells that students fill in.
        exercises: those of them that are code.
        plain: the numbers of the others.
        blocks: from the number of a cell to those of the fixed cells below it; -1
            stands for the beginning.
    """

    def __init__(self, notebook: NotebookNode) -> None:
        self.cells = notebook.cells
        self.keys: dict[str, int] = {}
        self.fixed: list[int] = []
        self.slots: list[int] = []
        self.plain: list[int] = []
        self.blocks: dict[int, list[int]] = defaultdict(list)
        owner = -1
        for i, cell in enumerate(self.cells):
            mine = nbgrader_settings(cell)
            if mine:
                self.keys[mine["grade_id"]] = i
            if mine.get("solution"):
                self.slots.append(i)
            elif mine.get("grade") or mine.get("locked"):
                self.fixed.append(i)
                self.blocks[owner].append(i)
                continue
            else:
                self.plain.append(i)
            owner = i
        self.is_fixed, self.is_slot = frozenset(self.fixed), frozenset(self.slots)
        self.is_plain = frozenset(self.plain)
        self.exercises = [i for i in self.slots if self.is_code(i)]
        self.exercise_names = frozenset(self.name(i) for i in self.exercises)
        self.ids = {cell.id: i for i, cell in enumerate(self.cells)}
        self.texts = [normal(cell.source) for cell in self.cells]
        # A check that was edited can still be told by its first line, a comment.
        self.openings = {
            self.texts[i].partition("\n")[0]: i
            for i in reversed(self.fixed)
            if self.texts[i].startswith("# ")
        }
        self.skipped = {self.texts[i]: i for i in self.plain if "tags" in self.cells[i].metadata}

    def name(self, i: int) -> str:
        """Return the grade id of a cell."""
        return nbgrader_settings(self.cells[i])["grade_id"]

    def is_code(self, i: int) -> bool:
        return self.cells[i].cell_type == "code"

    @cached_property
    def words(self) -> list[Counter]:
        """The words of every cell; only damaged submissions need them."""
        return [words(text) for text in self.texts]

    @cached_property
    def plain_texts(self) -> set[str]:
        return {self.texts[i] for i in self.plain}

    @cached_property
    def fixed_texts(self) -> dict[str, int]:
        return {self.texts[i]: i for i in reversed(self.fixed)}
