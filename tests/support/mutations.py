"""Random damage to notebook files: what editors, people, disks and cheats do to them.

A mutant is made by one generator seeded with a seed and a number, so both name it for good.
Its damage is of four kinds, and methods are named after them:

- ``cell_*`` change, add, move or remove cells,
- ``source_*`` change the text of a cell,
- ``notebook_*`` change what is outside of the cells, or all cells at once,
- ``file_*`` change the bytes.

**No damage writes an answer.** Texts lose lines or letters, swap lines, are cut, joined, or get
signs that mean nothing in Python. So a mutant earns no point that its base does not earn, if in
the base no lines of the cells, however joined, answer what it leaves open or answers wrongly.
``WILD`` is the exception: it defines exercises anew, for tests that do not look at points.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

PICTURE = (  # one pixel, as a PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GARBAGE = (
    *"\x00\ud800\udfff\ufeff\u2028\u202e§€🙂`?$('\\\r\t",
    *("\x1b[31m", '"""', "<script>", "{{", "### END SOLUTION", "\n\n"),
)
ODD = (
    *(None, True, -1, 0, 1e308, float("nan"), float("-inf"), 2**70),
    *("", "x", "\ud800", "y" * 300, [], {}, [{}], [None, 1], {"a": {"b": []}}),
)
WILD = ("cell_answer", "cell_define", "cell_own")
# Damage to what no answer, name or place stands in: it may not cost a point either.
HARMLESS = (
    "cell_outputs",
    "cell_count",
    "cell_points",
    "cell_schema",
    "cell_flags",
    "cell_attachments",
    "cell_extra",
    "notebook_metadata",
    "notebook_numbers",
    "notebook_no_outputs",
    "notebook_points",
    "file_mark",
    "file_utf16",
    "file_spaces",
)


@dataclass(frozen=True)
class Mutant:
    """A damaged notebook file.

    Attributes:
        data: the file.
        steps: what was done to it, in order.
    """

    data: bytes
    steps: tuple[str, ...]

    @property
    def harmless(self) -> bool:
        """Whether nothing was done that may cost a point."""
        return all(step.partition(" ")[0] in HARMLESS for step in self.steps)


def mutant(
    base: Mapping, seed: int, number: int, stubs: Mapping[str, str], without: tuple[str, ...] = WILD
) -> Mutant:
    """Return the mutant of this number.

    Args:
        base: the notebook to damage; it is not changed.
        seed, number: which mutant.
        stubs: the released texts of the cells that students fill in, by grade id.
        without: kinds of damage that are not done.
    """
    return Mutations(random.Random(f"{seed} {number}"), stubs, without).of(base)


@functools.cache
def kinds(prefix: str) -> tuple[str, ...]:
    """Return the kinds of damage whose names begin like this."""
    return tuple(name for name in dir(Mutations) if name.startswith(prefix))


def key_of(cell: object) -> str | None:
    """Return the grade id of a cell of any quality."""
    claim = claim_of(cell)
    key = claim.get("grade_id") if claim else None
    return key if isinstance(key, str) else None


def claim_of(cell: object) -> dict | None:
    """Return nbgrader's metadata of a cell of any quality, to change."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    claim = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return claim if isinstance(claim, dict) else None


def text_of(cell: dict) -> str:
    """Return the text of a cell of any quality."""
    source = cell.get("source")
    parts = source if isinstance(source, list) else [source]
    return "".join(part for part in parts if isinstance(part, str))


class Mutations:
    """The ways to damage a notebook.

    Args:
        generator: decides everything.
        stubs: the texts of untouched exercises, by grade id.
        without: kinds of damage that are not done.
    """

    def __init__(
        self, generator: random.Random, stubs: Mapping[str, str], without: tuple[str, ...] = ()
    ) -> None:
        self.random, self.stubs, self.without = generator, stubs, without

    def of(self, base: Mapping) -> Mutant:
        """Return the notebook with a few kinds of damage on top of one another."""
        notebook = copy.deepcopy(base)
        steps = []
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 5, 12))):
            cells = notebook["cells"]
            prefix = self.random.choice(("cell", "cell", "cell", "source", "source", "notebook"))
            possible = [k for k in kinds(prefix) if k not in self.without]
            if not possible:
                continue
            kind = self.random.choice(possible)
            if prefix == "notebook":
                getattr(self, kind)(notebook)
                steps.append(kind)
                continue
            at = self.random.randrange(len(cells)) if cells else None
            if at is None or not isinstance(cells[at], dict):
                continue
            steps.append(f"{kind} {at}")
            if prefix == "cell":
                getattr(self, kind)(cells, at)
            else:
                cells[at]["source"] = getattr(self, kind)(text_of(cells[at]), cells[at])
        data = json.dumps(notebook, indent=1, ensure_ascii=self.random.random() < 0.5)
        data = data.encode("utf-8", "surrogatepass")
        if self.random.random() < 0.15:
            kind = self.random.choice([k for k in kinds("file") if k not in self.without])
            data = getattr(self, kind)(data)
            steps.append(kind)
        return Mutant(data, tuple(steps))

    def place(self, cells: list) -> int:
        return self.random.randrange(len(cells) + 1)

    def other(self, cells: list) -> dict:
        """Return some cell, or an empty one."""
        cell = self.random.choice(cells)
        return cell if isinstance(cell, dict) else {}

    def odd(self) -> object:
        return copy.deepcopy(self.random.choice(ODD))

    # --- cells

    def cell_drop(self, cells, at):
        del cells[at]

    def cell_drop_many(self, cells, at):
        del cells[at : at + self.random.randrange(2, 20)]

    def cell_double(self, cells, at):
        cells.insert(self.place(cells), copy.deepcopy(cells[at]))

    def cell_double_many_times(self, cells, at):
        cells[at:at] = [copy.deepcopy(cells[at]) for _ in range(self.random.randrange(2, 9))]

    def cell_move(self, cells, at):
        moved = cells.pop(at)
        cells.insert(self.place(cells), moved)

    def cell_swap(self, cells, at):
        other = self.random.randrange(len(cells))
        cells[at], cells[other] = cells[other], cells[at]

    def cell_shuffle_some(self, cells, at):
        part = cells[at : at + 8]
        self.random.shuffle(part)
        cells[at : at + 8] = part

    def cell_split(self, cells, at):
        source = text_of(cells[at])
        cut = self.random.randrange(len(source) + 1)
        if self.random.random() < 0.7:  # as an editor does it: between two lines
            cut = source.rfind("\n", 0, cut) + 1
        second = copy.deepcopy(cells[at])
        if self.random.random() < 0.5:
            second = {"cell_type": "code", "metadata": {}, "outputs": []}
        cells[at]["source"], second["source"] = source[:cut], source[cut:]
        cells.insert(at + 1, second)

    def cell_merge(self, cells, at):
        if at + 1 < len(cells) and isinstance(cells[at + 1], dict):
            second = cells.pop(at + 1)
            cells[at]["source"] = text_of(cells[at]) + "\n" + text_of(second)

    def cell_strip(self, cells, at):
        cells[at].pop("id", None)
        cells[at]["metadata"] = {}

    def cell_type(self, cells, at):
        cells[at]["cell_type"] = self.random.choice(["code", "markdown", "raw", "heading", None])

    def cell_no_source(self, cells, at):
        cells[at]["source"] = self.odd()

    def cell_no_field(self, cells, at):
        if cells[at]:
            del cells[at][self.random.choice(list(cells[at]))]

    def cell_no_cell(self, cells, at):
        cells[at] = self.odd()

    def cell_metadata(self, cells, at):
        cells[at]["metadata"] = self.odd()

    def cell_claim(self, cells, at):
        claim = claim_of(cells[at])
        if claim is None:
            cells[at]["metadata"] = {"nbgrader": self.odd()}
        else:
            claim[self.random.choice(list(claim) or ["x"])] = self.odd()

    def cell_swap_metadata(self, cells, at):
        other = self.other(cells)
        mine, theirs = cells[at].get("metadata"), other.get("metadata")
        cells[at]["metadata"], other["metadata"] = copy.deepcopy(theirs), copy.deepcopy(mine)

    def cell_copy_metadata(self, cells, at):
        cells[at]["metadata"] = copy.deepcopy(self.other(cells).get("metadata"))

    def cell_forge(self, cells, at):
        claim = {"grade_id": self.random.choice(["bonus", "double", "double-hidden-1", "__all__"])}
        claim |= {"grade": True, "solution": False, "locked": True, "points": 100, "task": False}
        cells[at]["metadata"] = {"nbgrader": claim | {"schema_version": 3, "cell_type": "code"}}

    def cell_tags(self, cells, at):
        tags = self.random.choice([["skip-execution"], ["raises-exception"], "skip-execution", 3])
        if isinstance(cells[at].get("metadata"), dict):
            cells[at]["metadata"]["tags"] = tags

    def cell_id(self, cells, at):
        cells[at]["id"] = self.random.choice([self.other(cells).get("id"), "ä", self.odd()])

    def cell_outputs(self, cells, at):
        picture = {"output_type": "display_data", "data": {"image/png": PICTURE}, "metadata": {}}
        odd = [{"output_type": "stream", "text": self.odd()}, {"output_type": self.odd()}, picture]
        odd += [{"output_type": "error", "traceback": self.odd(), "ename": self.odd()}, self.odd()]
        odd += [{"output_type": "execute_result", "data": self.odd()}, {"data": self.odd()}]
        odd += [{"output_type": "stream", "text": "z" * 300_000, "name": self.odd()}]
        odd += [{"output_type": "execute_result", "data": {"text/html": "<script>"}}]
        some = self.random.sample(odd, 3)
        cells[at]["outputs"] = self.random.choice([some, self.odd()])

    def cell_count(self, cells, at):
        cells[at]["execution_count"] = self.odd()

    def cell_attachments(self, cells, at):
        png = {"image/png": PICTURE}
        odd = [{"a.png": png}, {"../a.png": png}, {"a": self.odd()}, {"b.png": {"image/png": "ä"}}]
        cells[at]["attachments"] = self.random.choice([*odd, self.odd()])

    def cell_extra(self, cells, at):
        cells[at][self.random.choice(["level", "prompt_number", "collapsed", "x"])] = self.odd()

    def cell_points(self, cells, at):
        if claim := claim_of(cells[at]):
            claim["points"] = self.random.choice([1e9, 10**30, -1, "7", self.odd()])

    def cell_flags(self, cells, at):
        if claim := claim_of(cells[at]):
            flag = self.random.choice(["locked", "grade", "solution", "task"])
            claim[flag] = self.random.choice([not claim.get(flag), self.odd()])

    def cell_schema(self, cells, at):
        if claim := claim_of(cells[at]):
            key = self.random.choice(["schema_version", "checksum", "cell_type"])
            claim[key] = self.random.choice([1, 99, self.odd()])

    # --- cells that answer: WILD

    def cell_answer(self, cells, at):
        name = key_of(cells[at]) or "f"
        cells[at]["source"] = f"def {name}(*a):\n    return {self.random.random()}"

    def cell_define(self, cells, at):
        name = self.random.choice(list(self.stubs))
        source = f"def {name}(*a):\n    return {self.random.random()}"
        cells.insert(at, {"cell_type": "code", "metadata": {}, "source": source, "outputs": []})

    def cell_own(self, cells, at):
        kind = self.random.choice(["code", "markdown"])
        made = {"cell_type": kind, "metadata": {}, "source": f"word {self.random.random()}"}
        cells.insert(at, made)

    # --- the text of a cell

    def source_drop_line(self, source, cell):
        lines = source.splitlines(keepends=True)
        if lines:
            del lines[self.random.randrange(len(lines))]
        return "".join(lines)

    def source_drop_lines(self, source, cell):
        return "".join(x for x in source.splitlines(keepends=True) if self.random.random() < 0.7)

    def source_double_line(self, source, cell):
        lines = source.splitlines(keepends=True)
        if lines:
            lines.insert(self.place(lines), self.random.choice(lines))
        return "".join(lines)

    def source_swap_lines(self, source, cell):
        lines = source.splitlines()
        self.random.shuffle(lines)
        return "\n".join(lines)

    def source_cut_end(self, source, cell):
        return source[: self.random.randrange(len(source) + 1)]

    def source_cut_begin(self, source, cell):
        return source[self.random.randrange(len(source) + 1) :]

    def source_cut_middle(self, source, cell):
        begin, end = sorted(self.random.randrange(len(source) + 1) for _ in range(2))
        return source[:begin] + source[end:]

    def source_indent(self, source, cell):
        sign = self.random.choice([" ", "\t", "    "])
        return "".join(
            sign + line if self.random.random() < 0.3 else line
            for line in source.splitlines(keepends=True)
        )

    def source_no_indent(self, source, cell):
        return "".join(
            line.lstrip(" ") if self.random.random() < 0.3 else line
            for line in source.splitlines(keepends=True)
        )

    def source_stub(self, source, cell):
        return self.stubs.get(key_of(cell), source)

    def source_add_stub(self, source, cell):
        return source + "\n\n\n" + self.stubs.get(key_of(cell), "")

    def source_garbage(self, source, cell):
        for _ in range(self.random.choice([1, 1, 3, 30])):
            at = self.random.randrange(len(source) + 1)
            source = source[:at] + self.random.choice(GARBAGE) + source[at:]
        return source

    def source_list(self, source, cell):
        lines = source.splitlines(keepends=True)
        return self.random.choice([lines, [*lines, self.odd()], [lines], list(source)])

    def source_deep(self, source, cell):
        return source + "\n" + self.random.choice("([{-~") * self.random.choice([90, 9_000])

    # --- outside of the cells, or all of them

    def notebook_metadata(self, notebook):
        kernel = {"kernelspec": {"name": self.odd(), "language": "julia"}, "nbgrader": self.odd()}
        notebook["metadata"] = self.random.choice([kernel, {"celltoolbar": self.odd()}, self.odd()])

    def notebook_numbers(self, notebook):
        notebook["nbformat"] = self.random.choice([2, 3, 4, 5, "4", self.odd()])
        notebook["nbformat_minor"] = self.random.choice([0, 4, 5, 99, self.odd()])

    def notebook_strip(self, notebook):
        for cell in notebook["cells"]:
            if isinstance(cell, dict):
                self.cell_strip([cell], 0)

    def notebook_no_ids(self, notebook):
        same = self.random.choice([None, "same"])
        for cell in notebook["cells"]:
            if isinstance(cell, dict):
                cell["id"] = same

    def notebook_no_outputs(self, notebook):
        for cell in notebook["cells"]:
            if isinstance(cell, dict):
                cell["outputs"] = []

    def notebook_points(self, notebook):
        for cell in notebook["cells"]:
            self.cell_points([cell], 0)

    def notebook_reverse(self, notebook):
        notebook["cells"].reverse()

    def notebook_shuffle(self, notebook):
        self.random.shuffle(notebook["cells"])

    def notebook_twice(self, notebook):
        notebook["cells"] += copy.deepcopy(notebook["cells"])

    def notebook_only_code(self, notebook):
        kept = self.random.choice(["code", "markdown"])
        cells = notebook["cells"]
        cells[:] = [c for c in cells if isinstance(c, dict) and c.get("cell_type") == kept]

    def notebook_no_checks(self, notebook):
        cells = notebook["cells"]
        cells[:] = [c for c in cells if "-" not in (key_of(c) or "")]

    def notebook_swap_ids(self, notebook):
        claims = [claim for claim in map(claim_of, notebook["cells"]) if claim is not None]
        ids = [claim.get("grade_id") for claim in claims]
        self.random.shuffle(ids)
        for claim, key in zip(claims, ids, strict=True):
            claim["grade_id"] = key

    # --- the bytes

    def file_truncated(self, data):
        return data[: self.random.randrange(len(data) + 1)]

    def file_flipped(self, data):
        changed = bytearray(data)
        for _ in range(self.random.choice([1, 1, 2, 5, 50])):
            changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
        return bytes(changed)

    def file_overwritten(self, data):
        at = self.random.randrange(len(data))
        hole = self.random.choice([bytes(64), self.random.randbytes(3), b"\xff\xfe", b"}]"])
        return data[:at] + hole + data[at + len(hole) :]

    def file_hole(self, data):
        begin, end = sorted(self.random.randrange(len(data) + 1) for _ in range(2))
        return data[:begin] + data[end:]

    def file_twice(self, data):
        return data + data

    def file_mark(self, data):
        return b"\xef\xbb\xbf" + data

    def file_utf16(self, data):
        return data.decode("utf-8", "replace").encode("utf-16")

    def file_latin1(self, data):
        return data.decode("utf-8", "replace").encode("latin-1", "replace")

    def file_spaces(self, data):
        return b"\r\n \t" + data.replace(b"\n", b"\r\n") + b"\n\n"

    def file_key_twice(self, data):
        return data.replace(b'"cells": [', b'"cells": [], "cells": [', 1)

    def file_deep(self, data):
        deep = b"[" * 50_000 + b"]" * 50_000
        return data.replace(b'"metadata": {', b'"x": ' + deep + b', "metadata": {', 1)

    def file_digits(self, data):
        return data.replace(b'"nbformat": ', b'"nbformat": ' + b"9" * 5_000, 1)

    def file_other(self, data):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("notebook.ipynb", data)
        page = b"<!DOCTYPE html><title>notebook</title>" + data
        odd = [b"", b"\n", b"null", b"[]", b"{}", b'{"cells": 3}', b'{"cells": [null, 1]}']
        return self.random.choice([*odd, b"%PDF-1.7\n" + data, page, archive.getvalue()])


LETTERS = (
    *"aZ09_-. @+=#%&!?*:;,|<>\"'\\()[]{}~^$`",
    *"äßŁ中あ한عא🙂ﬁⅣÅ\u0301\u200b\u202e\u2028\xa0\x01\x1b\x7f\n\r\t",
    *("LATE_", "_123_456_", "01_", "Copy of ", " (1)", ".ipynb", "..", "CON", "submitted"),
    *("=cmd|' C calc'!A0", "{{7*7}}", "<b>", "%s", "$HOME", "e\u0301", "é"),
)
NO_TEXT = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f")  # not UTF-8


def odd_name(generator: random.Random) -> bytes:
    """Return a name that a folder can have on Linux, visible and at most 255 bytes long."""
    parts = [generator.choice(LETTERS).encode() for _ in range(generator.choice((1, 2, 4, 8, 60)))]
    if generator.random() < 0.2:
        parts.insert(generator.randrange(len(parts) + 1), generator.choice(NO_TEXT))
    name = b"".join(parts)[:255]
    return b"_" + name[1:] if name.startswith(b".") else name
