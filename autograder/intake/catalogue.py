"""Which notebook of the course a file is, by its name or by its content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nbformat import NotebookNode

COPY_OF = re.compile(r"(?:copy of|kopie van|kopie von|copie de|c[oó]pia de)\s+", re.IGNORECASE)
VERSION = re.compile(
    r"(?:\s*\((?P<a>\d{1,3})\)|-(?P<b>\d{1,2})|[-_ ]+(?:copy|kopie)[-_ ]?(?P<c>\d{0,2}))$",
    re.IGNORECASE,
)
# Grade ids, and names of functions and classes, as the bytes of a notebook file hold them. Every
# pattern begins with letters: re finds those ten times as fast as a word boundary.
GRADE_IDS = (re.compile(rb'"grade_id"\s*:\s*"([^"\\]{1,200})"'),)
DEFINITIONS = (
    re.compile(rb"def (?<=\bdef )(\w{1,200})"),
    re.compile(rb"class (?<=\bclass )(\w{1,200})"),
)
# How much of a notebook's own ids or names a file must hold to be told by its content.
ENOUGH, MOST, HARDLY_ANY = 0.25, 0.5, 0.1


@dataclass(frozen=True)
class Named:
    """What a file name tells.

    Attributes:
        notebook: the full name of the notebook, or None.
        rest: what stands beside it, without marks of copies and versions.
        version: numbers that were added to the name, the last one first.
        copied: whether it is called a copy.
    """

    notebook: str | None
    rest: str
    version: tuple[int, ...]
    copied: bool


class Catalogue:
    """The notebooks of the course, to be told by name or by content."""

    def __init__(self, releases: Mapping[str, NotebookNode]) -> None:
        self.releases = releases
        # The longest first: one name may begin with another.
        names = sorted(releases, key=len, reverse=True)
        self.patterns = [
            (name, re.compile(rf"(?<![^_])(?:{number}_)?{topic}(?![^_])", re.IGNORECASE))
            for name in names
            for number, _, topic in [name.partition("_")]
        ]

    def by_name(self, stem: str) -> Named:
        """Return what a name says, in spite of copies, versions and other signs."""
        stem = unicodedata.normalize("NFKC", stem).strip()
        version: list[int] = []
        copied = False
        while mark := COPY_OF.match(stem):
            stem, copied = stem[mark.end() :], True
        while mark := VERSION.search(stem):
            copied = copied or mark["c"] is not None
            version.append(int(mark["a"] or mark["b"] or mark["c"] or 1))
            stem = stem[: mark.start()]
        stem = re.sub(r"[\W_]+", "_", stem)
        found = [(name, match) for name, p in self.patterns if (match := p.search(stem))]
        spans = [match.span() for _, match in found]
        # A name within the longest one does not count; two side by side tell nothing.
        if found and all(spans[0][0] <= a and b <= spans[0][1] for a, b in spans):
            rest = stem[: spans[0][0]] + "_" + stem[spans[0][1] :]
            return Named(found[0][0], re.sub(r"_+", "_", rest).strip("_"), tuple(version), copied)
        return Named(None, stem.strip("_"), tuple(version), copied)

    @cached_property
    def tokens(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """The grade ids, and the names of exercises, that one notebook alone has."""
        ids = {name: frozenset(_grade_ids(nb)) for name, nb in self.releases.items()}
        names = {name: frozenset(_exercises(nb)) for name, nb in self.releases.items()}
        return {name: (_only(name, ids), _only(name, names)) for name in self.releases}

    def shares(self, data: bytes) -> dict[str, float]:
        """Return how much of each notebook's own ids or names a file holds, at most 1.

        The bytes are searched as they are, because parsing 50 MB of pictures takes long.
        """
        found = (set(_found(GRADE_IDS, data)), set(_found(DEFINITIONS, data)))
        return {
            name: max(
                len(own & here) / len(own) if own else 0.0
                for own, here in zip(kinds, found, strict=True)
            )
            for name, kinds in self.tokens.items()
        }

    def by_content(self, data: bytes) -> str | None:
        """Return the notebook that a file holds, or None if it cannot be told."""
        shares = self.shares(data)
        best, second = [*sorted(shares, key=shares.__getitem__, reverse=True), None, None][:2]
        if best is None or shares[best] < ENOUGH:
            return None
        return best if second is None or shares[second] < shares[best] / 2 else None

    def mistaken_for(self, notebook: str, data: bytes) -> str | None:
        """Return the other notebook that a file called ``notebook`` holds, if it does."""
        if self.begins_as(notebook, data):
            return None
        shares = self.shares(data)
        if shares[notebook] >= HARDLY_ANY:
            return None
        best = max(shares, key=shares.__getitem__)
        return best if shares[best] >= MOST else None

    def begins_as(self, notebook: str, beginning: bytes) -> bool:
        """Tell whether a file's beginning alone shows that it is not mistaken for another.

        The first few grade ids do, in nearly every file. They stand in quotes, so the last one
        cannot be the beginning of a longer one.
        """
        own, _ = self.tokens[notebook]
        here = set()
        for token in _found(GRADE_IDS, beginning):
            if token in own:
                here.add(token)
                if len(here) / len(own) >= HARDLY_ANY:
                    return True
        return False


def _grade_ids(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            yield cell.metadata.nbgrader.grade_id


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            yield cell.metadata.nbgrader.grade_id


def _only(name: str, tokens: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return tokens[name].difference(*(others for key, others in tokens.items() if key != name))


def _found(patterns: Iterable[re.Pattern[bytes]], data: bytes) -> Iterator[str]:
    for pattern in patterns:
        for match in pattern.finditer(data):
            yield match[1].decode("utf-8", "replace")
