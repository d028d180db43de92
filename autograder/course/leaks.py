"""Scan what students get for what they must not see.

A leak is a solution line, a line of a model answer or rubric, or a line, input or
expected value of a hidden check. A line counts alone if it is long enough to be no
accident, and two short ones count together; white space does not matter.

A later notebook may show how an earlier one is solved: it builds on it. So release a
notebook when the ones before it are due. An earlier notebook may hold two short lines
that a later one asks for, such as zero_grad and backward: that is how one writes.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from autograder.checks import Check
from autograder.course.master import BEGIN, BEGIN_RUBRIC, END, END_RUBRIC, Cell, Master, regions
from autograder.errors import CourseError

LONG_LINE = 24
LONG_ENOUGH_IN_A_PAIR = 8
LONG_LITERAL = 10
SOLUTION_LINE = "a solution line"


@dataclass(frozen=True)
class Secret:
    """A piece of text that must not appear, and what it is."""

    text: str
    what: str
    short: bool = False  # two short lines

    def is_open_in(self, notebook: Path, own: str) -> bool:
        """Tell whether another notebook than its own may show it."""
        later, earlier = notebook.stem > own, notebook.stem < own
        return self.what.startswith(SOLUTION_LINE) and (later or (earlier and self.short))


def scan(folder: Path, masters: list[Master]) -> None:
    """Scan every text file below a folder.

    Raises:
        CourseError: one holds a secret; the message says which and where.
    """
    secrets = {master.name: secrets_of(master) for master in masters}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_text(path):
            scan_text(path, visible_text(path), secrets)


def scan_text(path: Path, text: str, secrets: Mapping[str, list[Secret]]) -> None:
    """Scan the visible text of one file.

    Args:
        path: the file; its name tells which notebook it is.
        text: all text in it.
        secrets: by the name of the notebook that they belong to.

    Raises:
        CourseError: it holds a secret.
    """
    text = squeeze(text)
    for name, mine in secrets.items():
        for secret in mine:
            may_show = path.stem in secrets and secret.is_open_in(path, name)
            if secret.text in text and not may_show:
                raise CourseError(f"leak: it shows {secret.what}: {secret.text[:60]!r}", path)


def scan_solution(notebook: dict, name: str, masters: list[Master]) -> None:
    """Scan the solution of one notebook for what stays secret when it is released.

    That is the hidden checks and rubrics of every notebook, and the model answers of the
    others. Code that solves others is left out: notebooks share idioms.

    Args:
        notebook: the solution, with or without outputs.
        name: of the notebook.
        masters: of all notebooks.

    Raises:
        CourseError: it holds such a secret; the message says which.
    """
    text = squeeze(visible_text_of(notebook))
    for master in masters:
        for secret in secrets_after_release(master, solved=master.name == name):
            if secret.text in text:
                raise CourseError(
                    f"leak: the solution of {name} shows {secret.what}: {secret.text[:60]!r}"
                )


def is_text(path: Path) -> bool:
    """Tell text from pictures, arrays and archives: those hold a zero byte early on."""
    with path.open("rb") as file:
        return b"\0" not in file.read(8192)


def visible_text(path: Path) -> str:
    """Return all text of a file; of a notebook and of a page every string, unescaped."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        return text + text_of_page(text)
    if path.suffix != ".ipynb":
        return text
    return visible_text_of(json.loads(text))


def text_of_page(page: str) -> str:
    """Return what a reader of an HTML page sees: no tags, which cut coloured code to pieces.

    What attributes hold, such as the text of a picture, follows at the end.
    """
    reader = _PageReader()
    reader.feed(page)
    reader.close()
    return "".join(reader.seen) + "\n" + "\n".join(reader.attributes)


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()  # which resolves &lt; and its like
        self.seen: list[str] = []
        self.attributes: list[str] = []

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [value for _, value in attrs if value]


def visible_text_of(notebook: dict) -> str:
    """Return every string in a notebook: sources, outputs, metadata."""
    return "\n".join(_strings(notebook))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            yield "".join(value)  # nbformat keeps a cell's text as a list of lines
        else:
            for item in value:
                yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)


def squeeze(text: str) -> str:
    """Return a text without white space."""
    return re.sub(r"\s+", "", text)


def secrets_of(master: Master) -> list[Secret]:
    """Return the secrets of a notebook."""
    secrets: list[Secret] = []
    for cell in master.cells:
        secrets += _secrets_of_cell(cell)
    return secrets + _secrets_of_hidden_checks(master)


def secrets_after_release(master: Master, *, solved: bool) -> list[Secret]:
    """Return what stays secret of a notebook when a solution is released.

    Args:
        master: the notebook's.
        solved: whether it is this notebook's solution; else its model answers are secret.
    """
    secrets: list[Secret] = []
    code = ""
    for cell in master.cells:
        if cell.is_code:
            code += "".join("".join(lines) for lines in _marked(cell, BEGIN, END))
        elif solved:
            for lines in _marked(cell, BEGIN_RUBRIC, END_RUBRIC):
                secrets += _secret_lines(lines, f"a line of the rubric of {cell.written}")
        else:
            secrets += _secrets_of_cell(cell)
    # A hidden check may write down the same constant as the solution, such as a kernel.
    code = squeeze(code)
    return secrets + [s for s in _secrets_of_hidden_checks(master) if s.text not in code]


def _secrets_of_hidden_checks(master: Master) -> list[Secret]:
    # Hidden checks call what public ones call, in the same words: that is no secret.
    public = squeeze("\n".join(check.source for check in master.checks if not check.hidden))
    return [
        secret
        for check in master.checks
        if check.hidden
        for secret in _secrets_of_check(check)
        if secret.text not in public
    ]


def _secrets_of_cell(cell: Cell) -> Iterator[Secret]:
    what = SOLUTION_LINE if cell.is_code else "a line of a model answer or rubric"
    for lines in _marked(cell, BEGIN, END):
        yield from _secret_lines(lines, f"{what} of {cell.exercise or cell.written}")


def _marked(cell: Cell, begin: str, end: str) -> Iterator[list[str]]:
    """Yield the lines of a cell that stand between two markers, region by region."""
    lines = cell.source.splitlines()
    for first, last in regions(cell.source, begin, end):
        yield lines[first + 1 : last]


def _secret_lines(lines: list[str], what: str) -> Iterator[Secret]:
    squeezed = [squeeze(line) for line in lines if squeeze(line)]
    for line in squeezed:
        if len(line) >= LONG_LINE:
            yield Secret(line, what)
    for one, two in itertools.pairwise(squeezed):
        if min(len(one), len(two)) >= LONG_ENOUGH_IN_A_PAIR:
            yield Secret(one + two, what, short=True)


def _secrets_of_check(check: Check) -> Iterator[Secret]:
    source = textwrap.dedent(check.source)
    statement = ast.parse(source).body[0]
    what = f"a line of the hidden check {check.name}"
    yield Secret(check.name, what)
    # A function without its head; all of the call if a maker has made the check.
    first = statement.body[0].lineno - 1 if isinstance(statement, ast.FunctionDef) else 0
    yield from _secret_lines(source.splitlines()[first:], what)
    yield Secret(squeeze(check.hint), f"the hint of the hidden check {check.name}")
    yield from _secret_values(statement, check)


def _secret_values(statement: ast.AST, check: Check) -> Iterator[Secret]:
    """Yield the inputs and longer literals of a check.

    Inputs are calls with a seed, and what a maker's function returns, as a call would have it.
    Lists of zeros and ones stand everywhere.
    """
    for node in ast.walk(statement):
        seeded = isinstance(node, ast.Call) and any(k.arg == "seed" for k in node.keywords)
        constants = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
        text = ""
        if isinstance(statement, ast.Expr) and isinstance(node, ast.Lambda):
            text = ast.unparse(node.body)
            text = text if isinstance(node.body, ast.Tuple) else f"({text})"
        elif seeded or (isinstance(node, ast.List) and constants - {0, 1}):
            text = ast.unparse(node)
        text = squeeze(text.replace("'", '"'))  # the quotes of a formatted source
        if len(text) >= LONG_LITERAL:
            yield Secret(text, f"an input or value of the hidden check {check.name}")
