"""What grading gives: the result of one submission, and the rows of grades.csv."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from autograder.checks.shared.verdict import Verdict, is_full
from autograder.course.master import Master

# Of the text that Result.dumps makes. It goes up when Result or Verdict gets other fields.
FORM = 2


class OlderForm(ValueError):
    """A stored result has the form of an older version."""


@dataclass(frozen=True)
class Result:
    """What grading one submission gave.

    Attributes:
        student, notebook: whose it is, and the full name of the notebook.
        digest: a hash of all that the result depends on.
        verdicts: on each check, by the check's id; empty if it is broken.
        problem: why it could not be graded, else "".
        notes: what was odd about it and mended, a sentence each.
        seconds, cpu_seconds: wall clock and CPU time that it took.
    """

    student: str
    notebook: str
    digest: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def dumps(self) -> str:
        """Return the result as JSON."""
        return json.dumps({"form": FORM, **asdict(self)}, indent=1)

    @classmethod
    def loads(cls, text: str) -> Result:
        """Return the result of this JSON.

        Raises:
            OlderForm: an older version of this program made it.
            ValueError: it is not what dumps made.
        """
        try:
            fields = json.loads(text)
            # The first form did not say which one it is.
            form = fields.pop("form", 1)
            if form < FORM:
                raise OlderForm("the result of an older version")
            if form > FORM:
                raise ValueError("the result of a newer version")
            fields["verdicts"] = {k: Verdict(**v) for k, v in fields["verdicts"].items()}
            fields["notes"] = tuple(fields["notes"])
            return cls(**fields)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a result: {error}") from None


@dataclass(frozen=True)
class Row:
    """One line of grades.csv: what a student got for one check or written answer.

    Attributes:
        points: below zero in the row of a late penalty, whose maximum is 0.
        status: "passed", "failed", "needs grading" (a written answer), "graded" (by
            hand), "broken" (the whole submission could not be graded) or "late" (a
            penalty).
        message: what the student is told.
    """

    student: str
    notebook: str
    exercise: str
    check: str
    points: float
    maximum: float
    status: str
    message: str

    @property
    def is_full(self) -> bool:
        """Whether no point is missing."""
        return is_full(self.points, self.maximum)


def ids_by_names(master: Master) -> dict[tuple[str, str], str]:
    """Return the ids of a notebook's checks by what a row has: exercise and name."""
    return {(check.exercise, check.name): key for key, check in master.checks_by_id.items()}
