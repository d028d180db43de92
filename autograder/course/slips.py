"""Read a table of slips: changes in a line or two that make a right answer wrong.

    divides_by_rows: averages_over_all_entries
      - prediction.numel()
      + prediction.shape[0]
    takes_the_sum: averages_over_all_entries EVERY_DTYPE hint_of=averages_over_all_entries
      - .mean()
      + .sum()

A slip begins with its name and the checks that it fails; more of them may stand on the
next lines, indented. A name in capitals is one of the module's, for a list of checks. Then
it says what it changes, like a diff: the old text, which the answer must hold exactly once,
behind ``-``, and the new behind ``+``. Both stand there as they are, with their indentation,
and may be parts of a line or several lines. Without ``+`` the old text goes, and so does its
line if nothing is left of it. Further ``-`` lines begin a second change of the same slip.
Lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import CourseError

HEAD = re.compile(r"(\w+):( |$)")
HINT_OF = "hint_of="


@dataclass
class Change:
    """Lines of an answer, and those in their place."""

    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class Slip:
    """One slip, as its table says it.

    Attributes:
        name: of the wrong answer.
        line: where it stands in the file.
        fails: the names of the checks that it fails.
        hint_of: the one whose hint is about it; None if the table does not say.
        changes: what it changes, one after the other.
    """

    name: str
    line: int
    fails: list[str] = field(default_factory=list)
    hint_of: str | None = None
    changes: list[Change] = field(default_factory=list)


def read_slips(table: str, groups: Mapping[str, Any], path: Path, line: int) -> list[Slip]:
    """Return the slips of a table.

    Args:
        table: the text.
        groups: the names of the module, for those in capitals.
        path, line: the file, and where the table begins in it.

    Raises:
        CourseError: a line of the table is malformed, or a slip changes nothing.
    """
    slips: list[Slip] = []
    for number, text in enumerate(table.splitlines(), line):
        words = text.strip()
        if not words or words.startswith("#"):
            continue
        if head := HEAD.match(text):
            slips.append(Slip(head[1], number))
            words = text[head.end() :]
        if not slips or not (head or text.startswith(" ")):
            raise CourseError(f"no slip begins so, with a name and a colon: {text!r}", path, number)
        if not head and words[0] in "+-":
            _read_change(slips[-1], words, path, number)
        elif slips[-1].changes:
            raise CourseError(f"a change has - or + before each line: {words!r}", path, number)
        else:
            _read_checks(slips[-1], words, groups, path, number)
    for slip in slips:
        if not slip.changes:
            raise CourseError(f"{slip.name} changes nothing", path, slip.line)
    return slips


def _read_change(slip: Slip, words: str, path: Path, number: int) -> None:
    sign, text = words[0], words[2:]
    if words[1:2].strip():
        raise CourseError(f"after {sign} comes a space: {words!r}", path, number)
    if sign == "-":
        if not slip.changes or slip.changes[-1].new:
            slip.changes.append(Change())
        slip.changes[-1].old.append(text)
    elif not slip.changes:
        raise CourseError(f"{slip.name} does not say what it changes, with -", path, number)
    else:
        slip.changes[-1].new.append(text)


def _read_checks(
    slip: Slip, words: str, groups: Mapping[str, Any], path: Path, number: int
) -> None:
    for word in words.split():
        if word.startswith(HINT_OF):
            slip.hint_of = word.removeprefix(HINT_OF)
        elif not word.isupper():
            slip.fails.append(word)
        elif word in groups:
            group = groups[word]
            slip.fails += [group] if isinstance(group, str) else group
        else:
            raise CourseError(f"{slip.name}: no list of checks {word!r}", path, number)


def slipped(source: str, slip: Slip, name: str, path: Path) -> str:
    """Return the source of an answer with a slip in it.

    Args:
        source: of the right answer.
        slip: what to change in it.
        name: of the right answer.
        path: the file of both.

    Raises:
        CourseError: the source does not contain the old text exactly once.
    """
    for change in slip.changes:
        old, new = "\n".join(change.old), "\n".join(change.new)
        if (times := source.count(old)) != 1:
            message = f"{name} contains {old!r} {times} times, not once"
            raise CourseError(f"{slip.name}: {message}", path, slip.line)
        source = source.replace(old, new) if change.new else _without(source, old)
    return source


def _without(source: str, old: str) -> str:
    before, after = source.split(old)
    first, _, below = after.partition("\n")
    indentation = before.rpartition("\n")[2]
    if (indentation + first).strip():
        return before + after
    return before.removesuffix(indentation) + below
