"""Normalise a submission to the released notebook, so that every grader can run it.

What a student hands in has been through editors that drop metadata (Colab), copy
cells with them (JupyterLab) or lose cells (people). Here each released cell gets
its place in it back. The rules:

- **Checks and locked cells** are exactly the release's, each once. The checks of an
  exercise stand where the student's first copy of one of them stands below the
  exercise's cell, so that helper cells in between still run before them; without
  such a copy, below the cell and the student's own cells that directly follow it.
- **The cells of exercises and written answers** carry the release's metadata and the
  student's text, each once, in the student's order. Which cell is an exercise's: the
  one with its grade id, else with its cell id, else the one that defines its name at
  the top level, else a similar one at its place. Of several counts the last one that
  is not the untouched stub (one that defines the name before one that does not). The
  others stay as ordinary cells; untouched stubs beside it go, because they would
  undo it. If none is found, the stub is put back.
- **An answer beside its cell** (the stub untouched, the function or the text in a cell
  of the student's own) becomes the answer. A function that stands in the cell of
  another exercise stays there, and its own cell says so in a comment.
- **Other released cells** (text, imports, demonstrations) stay as the student has them;
  deleted ones stay away, as in the student's own Jupyter.
- **The student's own cells** stay where they stand, without any metadata.
- **Tags** come from the release alone. A student's own cell therefore always runs,
  even if it was made by copying a demonstration that graders skip: skipping it could
  only lose what it defines, and the time limit bounds what it costs. An exact copy
  of a skipped cell is skipped, and a skipped cell that was rewritten altogether
  counts as an own cell. A tag can neither skip an exercise nor a check.

Nothing of the submission is run or evaluated; ``ast`` parses it at most.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import nbformat
from nbformat import NotebookNode

from autograder.course.cells import nbgrader_settings
from autograder.errors import CourseError
from autograder.inside.limits import MATCH_SECONDS
from autograder.intake.reading import CELL_ID, Given, read_cells
from autograder.intake.release import (
    MAX_PARSED,
    Release,
    defined_names,
    normal,
    similarity,
    words,
)
from autograder.processes import CpuLimit, cpu_limit
from autograder.text import quoted, some_of

SIMILAR = 0.5  # share of words in common with a released cell that was edited
SIMILAR_STUB = 0.3  # with the stub of an exercise that has been solved
MAX_CANDIDATES = 50  # cells looked at around a gap
NAMES_IN_NOTE = 4
# What is said about cells of which something was mended.
SENTENCES = {
    "edited": "Checks that were edited are replaced by the original: {}.",
    "points": "Points or other grading metadata that were changed are restored: {}.",
    "forged": "Cells with grade ids that the notebook does not have are ordinary ones: {}.",
    "type": "Cells of the wrong type (code or text) are put right: {}.",
    "gone": "The cell is gone, so the untouched one is put back: {}.",
    "name": "Metadata are lost; the cell was found by what it defines: {}.",
    "place": "Metadata are lost; the cell was found by its place and its text: {}.",
    "beside": "The answer stands in a cell beside its own and counts from there: {}.",
    "shared": "The function stands in another exercise's cell and counts from there: {}.",
    "several": "Several cells answer it; the last one counts, the others run too: {}.",
    "pictures": "What is pasted into a written answer is not all kept; see the file: {}.",
    "lost": "Released code cells were deleted: {}.",
}


@dataclass(frozen=True)
class Matched:
    """A submission that is ready to be run.

    Attributes:
        notebook: nbformat 4.5, valid, with the release's checks and metadata.
        notes: what was odd and mended, one plain sentence each.
    """

    notebook: NotebookNode
    notes: tuple[str, ...]


def match(data: bytes, release: NotebookNode) -> Matched:
    """Return a submission with every cell of the released notebook at its place.

    Args:
        data: the file that was handed in.
        release: the student copy that it began as; it is not changed.

    Raises:
        CourseError: it cannot be graded, and why.
    """
    try:
        with cpu_limit(MATCH_SECONDS):
            given, notes = read_cells(data)
            matcher = _Matcher(given, Release(release))
            cells = matcher.run()
    except CpuLimit:
        raise CourseError(
            f"to read it takes more than {MATCH_SECONDS:g} s; ask for the notebook without outputs"
        ) from None
    if not matcher.recognised:
        raise CourseError("no cell of the released notebook is in it; is it the right file?")
    metadata = nbformat.from_dict(release.metadata)
    notebook = NotebookNode(cells=cells, metadata=metadata, nbformat=4, nbformat_minor=5)
    return Matched(notebook, (*notes, *matcher.notes.sentences()))


class _Notes:
    """What was mended, gathered so that a hundred cells make one sentence."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, None]] = defaultdict(dict)  # in order, each once

    def add(self, kind: str, name: str) -> None:
        """Remember that something of this kind happened to the cell of this name."""
        self.names[kind][name] = None

    def sentences(self) -> Iterator[str]:
        for kind, sentence in SENTENCES.items():
            names = list(self.names.get(kind, ()))
            if names:
                yield sentence.format(some_of(names, NAMES_IN_NOTE))


class _Matcher:
    """Finds the place of every released cell in a submission.

    A submission may have thousands of cells, all alike, so none of them is looked for: each is
    found in an index, of which every step makes one after the steps before it are done.

    Attributes:
        texts: of the student's cells, normalised.
        keys: of each, the number of the released cell that its metadata name.
        home: from the number of a released cell to that of the student's.
        owner: the same the other way round.
        dropped: numbers of the student's cells that do not stay.
        copies: from the number of a cell of the release to where copies of the checks
            below it stand in the submission.
        shared: from an exercise to the student's cell of another exercise that holds it.
        recognised: how many of the student's cells are told to be released ones.
    """

    def __init__(self, given: list[Given], release: Release) -> None:
        self.given = given
        self.release = release
        self.notes = _Notes()
        self.texts = [normal(cell.source) for cell in given]
        self.keys = [release.keys.get(cell.claim.get("grade_id", "")) for cell in given]
        self.home: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.copies: dict[int, list[int]] = defaultdict(list)
        self.shared: dict[int, int] = {}
        self.recognised = 0
        self._words: dict[int, Counter] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._tries: Counter[str] = Counter()  # how many ids were made, by text

    def run(self) -> list[NotebookNode]:
        """Return the cells of the normalised notebook."""
        self._look_at_claims()
        self._drop_copies_of_checks()
        self._choose_marked()
        for i in self.release.exercises:
            self._choose_by_name(i)
        self._find_plain()
        self.recognised = len(self.home) + len(self.shared) + len(self.dropped)
        self._find_edited()
        for i in self.release.slots:
            self._choose_by_place(i)
        self._note_what_is_odd()
        return self._assemble()

    # --- which cell is which

    def _look_at_claims(self) -> None:
        for j, cell in enumerate(self.given):
            if not cell.claim:
                continue
            i = self.keys[j]
            if i is None:
                self.notes.add("forged", quoted(cell.claim["grade_id"]))
                continue
            mine = nbgrader_settings(self.release.cells[i])
            if any(
                cell.claim.get(key, mine.get(key)) != mine.get(key)
                for key in ("points", "grade", "solution", "locked", "task")
            ):
                self.notes.add("points", self.release.name(i))

    def _drop_copies_of_checks(self) -> None:
        """Drop the submission's copies of checks, and remember where they stood."""
        owners = {i: owner for owner, block in self.release.blocks.items() for i in block}
        for j, cell in enumerate(self.given):
            i = self._copied_check(j)
            if i is None:
                continue
            if self.texts[j] != self.release.texts[i]:
                # Somebody typed the answer into the check: it is not lost.
                if cell.cell_type == "code" and self._names_in(j):
                    self.keys[j], cell.id = None, ""
                    continue
                self.notes.add("edited", quoted(self._title(i)))
            self.dropped.add(j)
            self.copies[owners[i]].append(j)

    def _copied_check(self, j: int) -> int | None:
        """Return the check that a cell is a copy of, even if it was edited."""
        release, cell, fixed = self.release, self.given[j], self.release.is_fixed
        keyed, i = self.keys[j], release.fixed_texts.get(self.texts[j])
        # The text of a check is no answer, even with the metadata of an exercise.
        if keyed is not None and (keyed in fixed or i is None):
            return keyed if keyed in fixed else None
        if i is None and release.ids.get(cell.id) in fixed:
            i = release.ids[cell.id]
        if i is None and self.texts[j].startswith("# "):
            i = release.openings.get(self.texts[j].partition("\n")[0])
        return i

    def _names_in(self, j: int) -> frozenset[str]:
        """Return the names of the exercises that a cell defines."""
        if j not in self._names:
            cell = self.given[j]
            if self.texts[j] in self.release.plain_texts:
                self._names[j] = frozenset()
            else:
                self._names[j] = defined_names(
                    cell.source, cell.cell_type == "code", self.release.exercise_names
                )
        return self._names[j]

    def _title(self, i: int) -> str:
        return nbgrader_settings(self.release.cells[i]).get("grade_id") or self.release.cells[i].id

    def _untouched(self, i: int, j: int) -> bool:
        """Tell whether a cell is still the stub of an exercise, or blank."""
        return self.texts[j] in ("", self.release.texts[i])

    def _take(self, i: int, j: int) -> None:
        """Let the student's cell j be the released cell i."""
        before = self.home.get(i)
        if before is not None:
            # The untouched stub would undo what the chosen cell defines.
            del self.owner[before]
            self.dropped.add(before)
        self.home[i] = j
        self.owner[j] = i

    def _choose_marked(self) -> None:
        """Choose the cells of exercises and answers among those with their grade or cell ids."""
        by_key: dict[int, list[int]] = defaultdict(list)
        by_id: dict[str, list[int]] = defaultdict(list)
        for j, cell in enumerate(self.given):
            key = self.keys[j]
            if j in self.dropped:
                continue
            if key is None:
                by_id[cell.id].append(j)
            else:
                by_key[key].append(j)
        for i in self.release.slots:
            marked = by_key[i] or by_id[self.release.cells[i].id]
            stubs = [j for j in marked if self._untouched(i, j)]
            real = [j for j in marked if not self._untouched(i, j)]
            if real:
                self._take(i, self._last(i, real))
            elif stubs:
                self._take(i, stubs.pop(0))
            self.dropped.update(stubs)

    def _last(self, i: int, candidates: Sequence[int]) -> int:
        """Return the last candidate, of those that define the exercise if any does."""
        if len(candidates) > 1:
            self.notes.add("several", self.release.name(i))
            if self.release.is_code(i):
                name = self.release.name(i)
                defining = [j for j in candidates if name in self._names_in(j)]
                candidates = defining or candidates
        return candidates[-1]

    def _answered(self, i: int) -> bool:
        return i in self.home and not self._untouched(i, self.home[i])

    def _choose_by_name(self, i: int) -> None:
        """Choose the cell that defines an exercise, if no marked cell has an answer."""
        if self._answered(i):
            return
        name = self.release.name(i)
        here = [j for j in self._defining[name] if self.owner.get(j) != i and j not in self.dropped]
        real = [j for j in here if not self._untouched(i, j)]
        stubs = [j for j in here if self._untouched(i, j) and j not in self.owner]
        free = [j for j in real if j not in self.owner]
        if real and not free:
            self.shared[i] = real[-1]
            self.notes.add("shared", name)
        elif free:
            self.notes.add("beside" if i in self.home else "name", name)
            self._take(i, self._last(i, free))
        elif stubs and i not in self.home:
            self._take(i, stubs.pop(0))
        self.dropped.update(stubs)

    @cached_property
    def _defining(self) -> dict[str, list[int]]:
        """The cells that define an exercise, by its name; only some submissions need them."""
        defining: dict[str, list[int]] = defaultdict(list)
        for j in range(len(self.given)):
            if j not in self.dropped:
                for name in self._names_in(j):
                    defining[name].append(j)
        return defining

    def _find_plain(self) -> None:
        """Find the unchanged among the released cells that are nobody's to fill in."""
        release = self.release
        free = [j for j in range(len(self.given)) if self._is_own(j)]
        for j in free:
            i = release.ids.get(self.given[j].id)
            if i in release.is_plain and i not in self.home and release.texts[i] == self.texts[j]:
                self._take(i, j)
        by_text: dict[str, list[int]] = defaultdict(list)
        for i in reversed(release.plain):
            if i not in self.home:
                by_text[release.texts[i]].append(i)
        for j in free:
            places = by_text.get(self.texts[j])
            if places and j not in self.owner:
                self._take(places.pop(), j)

    def _find_edited(self) -> None:
        """Find those among them that the student has edited."""
        release = self.release
        for j, cell in enumerate(self.given):
            i = release.ids.get(cell.id)
            if i in release.is_plain and i not in self.home and self._is_own(j):
                self._take_similar(i, [j])
        for i in release.plain:
            if i not in self.home:
                self._take_similar(i, self._around(i))

    def _take_similar(self, i: int, candidates: Iterable[int], least: float = SIMILAR) -> bool:
        """Let the candidate that is most like a released cell be it, if it is like enough."""
        scores = {j: similarity(self._words_of(j), self.release.words[i]) for j in candidates}
        best = max(scores, key=scores.__getitem__, default=None)
        if best is None or scores[best] < least:
            return False
        self._take(i, best)
        return True

    def _words_of(self, j: int) -> Counter:
        if j not in self._words:
            self._words[j] = words(self.texts[j][:MAX_PARSED])
        return self._words[j]

    def _is_own(self, j: int) -> bool:
        return j not in self.owner and j not in self.dropped

    @cached_property
    def _kept(self) -> list[int]:
        """The cells that are not dropped before the steps that look at what stands where."""
        return [j for j in range(len(self.given)) if j not in self.dropped]

    def _run(self, start: int, step: int) -> list[int]:
        """Return the student's own cells next to one, up to the next released one."""
        kept = self._kept
        run: list[int] = []
        at = bisect_right(kept, start) if step > 0 else bisect_left(kept, start) - 1
        while 0 <= at < len(kept) and kept[at] not in self.owner and len(run) < MAX_CANDIDATES:
            if self._is_own(kept[at]):
                run.append(kept[at])
            at += step
        return run

    def _around(self, i: int) -> list[int]:
        """Return the student's own cells where a released cell that is missing stood."""
        # Where only the checks of an exercise are left, its cell will be put back.
        stands = {k: copies[0] for k, copies in self.copies.items() if k >= 0} | self.home
        before = max((k for k in stands if k < i), default=None)
        after = min((k for k in stands if k > i), default=None)
        run = self._run(-1 if before is None else stands[before], 1)
        if after is not None:
            run += self._run(stands[after], -1)
        return sorted(set(run))

    def _choose_by_place(self, i: int) -> None:
        """Choose an own cell that stands where an exercise or a written answer belongs."""
        if self._answered(i) or i in self.shared:
            return
        missing = i not in self.home
        if self.release.is_code(i):
            near = [j for j in self._around(i) if self.given[j].cell_type == "code"]
            if missing and self._take_similar(i, near, SIMILAR_STUB):
                self.notes.add("place", self.release.name(i))
            return
        near = self._around(i) if missing else self._beside(self.home[i])
        near = [j for j in near if self.given[j].cell_type != "code" and self.texts[j]]
        texts = [j for j in near if not self._untouched(i, j)]
        if texts:
            self._take(i, max(texts, key=lambda j: len(self.texts[j])))
            self.notes.add("place" if missing else "beside", self.release.name(i))
        elif missing and near:
            self._take(i, near[0])

    def _beside(self, j: int) -> list[int]:
        return self._run(j, -1) + self._run(j, 1)

    def _note_what_is_odd(self) -> None:
        for i in self.release.slots:
            if i not in self.home and i not in self.shared:
                self.notes.add("gone", self.release.name(i))
            elif i in self.home:
                cell = self.given[self.home[i]]
                if cell.cell_type != self.release.cells[i].cell_type:
                    self.notes.add("type", self.release.name(i))
                if cell.lost_attachments:
                    self.notes.add("pictures", self.release.name(i))
        for i in self.release.plain:
            cell = self.release.cells[i]
            if i not in self.home and cell.cell_type == "code" and "tags" not in cell.metadata:
                self.notes.add("lost", quoted(self.release.texts[i].partition("\n")[0]))

    # --- the new notebook

    def _assemble(self) -> list[NotebookNode]:
        after = self._what_comes_after()
        used = set(self.release.ids)
        cells = [self._released(i) for i in after[-1]]
        for j in range(len(self.given)):
            if j in self.owner:
                cells.append(self._released(self.owner[j]))
            elif j not in self.dropped:
                cells.append(self._own(j, used))
            cells += [self._released(i) for i in after[j]]
        return cells

    def _what_comes_after(self) -> dict[int, list[int]]:
        """Return the released cells to insert, by the student's cell that they follow."""
        after: dict[int, list[int]] = defaultdict(list)
        after[-1] += self.release.blocks.get(-1, [])
        place = -1  # where the nearest released cell before this one ends
        for i in range(len(self.release.cells)):
            if i in self.release.is_fixed:
                continue
            block = self.release.blocks.get(i, [])
            if i in self.home:
                start = max(self.home[i], self.shared.get(i, -1))
                place = self._end_of(i, start) if block else start
                after[place] += block
            elif i in self.release.is_slot or block:
                copies = self.copies[i]
                if i in self.shared:
                    place = self._end_of(i, self.shared[i])
                elif copies:
                    place = copies[0]
                after[place] += [i, *block] if i in self.release.is_slot else block
        return after

    def _end_of(self, i: int, start: int) -> int:
        """Return the student's cell below which the checks of a cell at ``start`` stand."""
        copies = self.copies[i]
        below = bisect_right(copies, start)
        if below < len(copies):
            return copies[below]
        after = bisect_right(self._owned, start)
        return (self._owned[after] if after < len(self._owned) else len(self.given)) - 1

    @cached_property
    def _owned(self) -> list[int]:
        """The cells that are released ones, when all of them are found."""
        return sorted(self.owner)

    def _released(self, i: int) -> NotebookNode:
        """Return a released cell, with the student's text if it is theirs to write."""
        cell = nbformat.from_dict(self.release.cells[i])
        if i in self.home:
            given = self.given[self.home[i]]
            cell.source = given.source
            if i not in self.release.is_slot:
                cell.cell_type = given.cell_type
            _fill_in(cell, given)
        if i in self.shared:
            cell.source = f"# {self.release.name(i)} is defined in another cell of this notebook."
        return cell

    def _own(self, j: int, used: set[str]) -> NotebookNode:
        """Return an own cell of the student, with an id that no other cell has."""
        given = self.given[j]
        name = given.id
        while not CELL_ID.fullmatch(name) or name in used:
            # Those that were made for the same text before are all used.
            tries = self._tries[given.source]
            name = hashlib.sha1(f"{tries}{given.source}".encode()).hexdigest()[:12]
            self._tries[given.source] += 1
        used.add(name)
        cell = NotebookNode(id=name, cell_type=given.cell_type, metadata=NotebookNode())
        cell.source = given.source
        copied = self.release.skipped.get(self.texts[j])
        if copied is not None:
            cell.metadata["tags"] = list(self.release.cells[copied].metadata.tags)
        _fill_in(cell, given)
        return cell


def _fill_in(cell: NotebookNode, given: Given) -> None:
    """Give a cell what belongs to its type, from the student's."""
    if cell.cell_type == "code":
        cell.execution_count = given.execution_count
        cell.outputs = given.outputs
    else:
        cell.pop("execution_count", None)
        cell.pop("outputs", None)
        cell.pop("attachments", None)
        if given.attachments:
            cell.attachments = nbformat.from_dict(given.attachments)
