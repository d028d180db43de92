"""The record of submissions that were judged again at somebody's wish: OUT/regrades.json."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.results.result import Row


@dataclass(frozen=True)
class Regrade:
    """One submission that was judged again.

    Attributes:
        student, notebook: whose it is, and the full name of the notebook.
        note: why, in a TA's words; the student reads it on the feedback page.
        when: the time, ISO 8601 with a zone.
        before, after: the score with written answers and late penalty; ``before`` is None
            if there was none, ``after`` until the run that judges it has ended.
    """

    student: str
    notebook: str
    note: str
    when: str
    before: float | None
    after: float | None = None

    @property
    def day(self) -> str:
        """When it was, for people."""
        return f"{datetime.fromisoformat(self.when).astimezone(UTC):%d %B %Y, %H:%M} UTC"


class RegradeNotes:
    """The regrades of a results folder, oldest first.

    Args:
        out: the folder.

    Raises:
        CourseError: the file is there and cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / "regrades.json"
        self.all: list[Regrade] = []
        if self.path.is_file():
            try:
                self.all = [Regrade(**entry) for entry in json.loads(self.path.read_text("utf-8"))]
            except (ValueError, TypeError) as error:
                raise CourseError(f"mend it or take it away: {error}", self.path) from None

    def of(self, student: str, notebook: str) -> list[Regrade]:
        """Return the regrades of one submission."""
        return [each for each in self.all if (each.student, each.notebook) == (student, notebook)]

    def begin(self, regrade: Regrade) -> None:
        """Note a regrade before the submission is judged; one that was cut off goes on."""
        for old in self.of(regrade.student, regrade.notebook):
            if old.after is None:
                self.all.remove(old)
                regrade = replace(regrade, before=old.before)
        self.all.append(regrade)
        self._save()

    def finish(self, rows: Iterable[Row]) -> None:
        """Enter the new scores of the regrades that wait for theirs.

        Args:
            rows: of grades.csv.
        """
        if all(each.after is not None for each in self.all):
            return
        scores: dict[tuple[str, str], float] = defaultdict(float)
        for row in rows:
            scores[row.student, row.notebook] += row.points
        self.all = [
            replace(each, after=scores.get((each.student, each.notebook)))
            if each.after is None
            else each
            for each in self.all
        ]
        self._save()

    def _save(self) -> None:
        replace_file(self.path, json.dumps([asdict(each) for each in self.all], indent=1))
