"""The numbers in the class report, from the results and the rows of grades.csv."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from autograder.checks import Check
from autograder.checks.shared.verdict import Verdict, is_full
from autograder.course.master import Master
from autograder.results.result import Result, Row, ids_by_names

WORDS = {
    "mismatch": "wrong",
    "error": "raised an error",
    "timeout": "too slow",
    "stub": "not written",
    "missing": "not defined",
}
NOT_WRITTEN = ("stub", "missing")
MOST_BINS = 20
MOST_MESSAGES, MOST_SLOW, MOST_EXAMPLES = 20, 10, 3
# A check is suspect if more than this share of at least so many students fail it.
SUSPECT_SHARE, SUSPECT_LEAST = 0.5, 5
DIGITS = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
# Messages are compared up to here: a student can make one a megabyte long.
COMPARED = 500


@dataclass(frozen=True)
class Mark:
    """What a student got for one check or written answer.

    Attributes:
        row: the line of grades.csv.
        number: of the check in the report, from 1; 0 of a written answer.
        verdict: what grading said; None if that is not known.
    """

    row: Row
    number: int
    verdict: Verdict | None

    @property
    def is_check(self) -> bool:
        """Whether it is no written answer."""
        return self.number > 0

    @property
    def failed(self) -> bool:
        """Whether it is a check that did not earn all its points."""
        return self.is_check and not self.row.is_full

    @property
    def waits(self) -> bool:
        """Whether it is a written answer that nobody has graded."""
        return self.row.status == "needs grading"

    @property
    def kind(self) -> str:
        return self.verdict.kind if self.verdict and not self.verdict.passed else ""

    @property
    def unwritten(self) -> bool:
        return self.failed and self.kind in NOT_WRITTEN

    @property
    def by_hand(self) -> bool:
        """Whether somebody changed the points of a check after grading."""
        if not self.is_check or self.verdict is None:
            return False
        return self.row.points != self.verdict.earned(self.row.maximum)

    @property
    def message(self) -> str:
        return self.row.message or (self.verdict.message if self.verdict else "")

    @property
    def what(self) -> str:
        """What happened, in a word or two."""
        if self.by_hand:
            return "points changed by hand"
        return WORDS.get(self.kind, self.kind) or "failed"


@dataclass(frozen=True)
class Attempt:
    """One student's submission of one notebook; without marks if it is broken."""

    student: str
    notebook: str
    marks: tuple[Mark, ...]
    problem: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @cached_property
    def failed(self) -> list[Mark]:
        return [mark for mark in self.marks if mark.failed]

    @property
    def checks(self) -> int:
        return sum(mark.is_check for mark in self.marks)

    @property
    def written(self) -> int:
        return sum(not mark.is_check for mark in self.marks)

    @property
    def by_checks(self) -> float:
        return sum(mark.row.points for mark in self.marks if mark.is_check)

    @property
    def by_written(self) -> float:
        """The points of the written answers that are graded."""
        return sum(m.row.points for m in self.marks if not m.is_check and not m.waits)

    @cached_property
    def waiting(self) -> int:
        return sum(mark.waits for mark in self.marks)


@dataclass(frozen=True)
class Line:
    """What is said below a student about one check, or about several of an exercise.

    Attributes:
        marks: of the checks.
        whole: whether they are all checks of the exercise, and more than one.
    """

    marks: tuple[Mark, ...]
    whole: bool

    @property
    def points(self) -> float:
        return sum(mark.row.points for mark in self.marks)

    @property
    def maximum(self) -> float:
        return sum(mark.row.maximum for mark in self.marks)


@dataclass(frozen=True)
class CheckNumbers:
    """How a class did on one check.

    Attributes:
        number: in the report.
        key: the id, as students see it.
        check: the check.
        graded: the submissions that could be graded.
        failed: how many of them did not get all points.
        kinds: why they failed.
    """

    number: int
    key: str
    check: Check
    graded: int
    failed: int
    kinds: Counter[str]

    @property
    def unwritten(self) -> int:
        return sum(self.kinds[kind] for kind in NOT_WRITTEN)

    @property
    def wrong(self) -> int:
        return self.failed - self.unwritten

    @property
    def reasons(self) -> str:
        """How often it failed otherwise than by a wrong value: ``2 too slow``."""
        others = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        skipped = (*NOT_WRITTEN, "mismatch", "")
        return ", ".join(f"{n} {WORDS.get(k, k)}" for k, n in others if k not in skipped)

    @property
    def suspect(self) -> bool:
        wrote = self.graded - self.unwritten
        return wrote >= SUSPECT_LEAST and self.wrong > SUSPECT_SHARE * wrote


@dataclass(frozen=True)
class ExerciseNumbers:
    """How a class did on one exercise.

    Attributes:
        name: its id.
        checks: how many it has.
        points: what they are worth together.
        earned: the mean share of the points.
        failed: how many students lost points.
        unwritten: how many left it as it came.
    """

    name: str
    checks: int
    points: float
    earned: float
    failed: int
    unwritten: int


@dataclass(frozen=True)
class WrittenNumbers:
    """How far one written question is graded, and the mean points so far (None: no one's)."""

    name: str
    points: float
    graded: int
    waiting: int
    mean: float | None


@dataclass(frozen=True)
class MessageNumbers:
    """One message that failing students read, and who reads it."""

    text: str
    checks: tuple[CheckNumbers, ...]
    students: tuple[str, ...]

    @property
    def examples(self) -> tuple[str, ...]:
        return self.students[:MOST_EXAMPLES]


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram: how many scores lie from ``low`` to less than ``high``."""

    low: int
    high: int
    amount: int


@dataclass(frozen=True)
class Summary:
    """Five numbers of a distribution."""

    mean: float
    least: float
    lower: float
    median: float
    upper: float
    most: float


@dataclass(frozen=True)
class NotebookNumbers:
    """How a class did on one notebook.

    Attributes:
        number: of the notebook in the report.
        master: the notebook.
        attempts: all submissions, by student.
        checks: in order of the notebook.
    """

    number: int
    master: Master
    attempts: tuple[Attempt, ...]
    checks: tuple[CheckNumbers, ...]

    @cached_property
    def graded(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if not attempt.problem]

    @cached_property
    def broken(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.problem]

    @cached_property
    def waiting(self) -> int:
        """How many written answers nobody has graded."""
        return sum(attempt.waiting for attempt in self.graded)

    @property
    def waiting_students(self) -> int:
        return sum(attempt.waiting > 0 for attempt in self.graded)

    @cached_property
    def with_written(self) -> bool:
        """Whether scores include the written answers: only when all are graded."""
        return bool(self.master.written and self.graded and not self.waiting)

    @cached_property
    def maximum(self) -> float:
        written = sum(self.master.written.values()) if self.with_written else 0
        return self.master.points + written

    def score(self, attempt: Attempt) -> float:
        return attempt.by_checks + (attempt.by_written if self.with_written else 0)

    @cached_property
    def scores(self) -> list[float]:
        return [self.score(attempt) for attempt in self.graded]

    @property
    def full(self) -> int:
        return sum(is_full(score, self.maximum) for score in self.scores)

    @cached_property
    def summary(self) -> Summary | None:
        return summarise(self.scores)

    @cached_property
    def histogram(self) -> list[Bin]:
        return histogram(self.scores, self.maximum)

    @property
    def by_hand(self) -> int:
        """How many points of checks somebody changed."""
        return sum(mark.by_hand for attempt in self.graded for mark in attempt.marks)

    @property
    def noted(self) -> int:
        """How many submissions have a note."""
        return sum(bool(attempt.notes) for attempt in self.attempts)

    @property
    def suspects(self) -> list[CheckNumbers]:
        return [check for check in self.checks if check.suspect]

    @cached_property
    def exercises(self) -> list[ExerciseNumbers]:
        return [self._exercise(name) for name in self.master.exercises]

    def _exercise(self, name: str) -> ExerciseNumbers:
        checks = self.master.checks_of(name)
        points = sum(check.points for check in checks.values())
        mine = [
            [m for m in attempt.marks if m.is_check and m.row.exercise == name]
            for attempt in self.graded
        ]
        earned = sum(mark.row.points for marks in mine for mark in marks)
        return ExerciseNumbers(
            name,
            len(checks),
            points,
            earned / (points * len(mine)) if mine else 0.0,
            sum(any(mark.failed for mark in marks) for marks in mine),
            sum(any(mark.unwritten for mark in marks) for marks in mine),
        )

    @cached_property
    def written(self) -> list[WrittenNumbers]:
        return [self._written(name, points) for name, points in self.master.written.items()]

    def _written(self, name: str, points: float) -> WrittenNumbers:
        marks = [
            mark
            for attempt in self.graded
            for mark in attempt.marks
            if not mark.is_check and mark.row.exercise == name
        ]
        given = [mark.row.points for mark in marks if not mark.waits]
        mean = statistics.fmean(given) if given else None
        return WrittenNumbers(name, points, len(given), len(marks) - len(given), mean)

    @cached_property
    def messages(self) -> list[MessageNumbers]:
        return common_messages(self.graded, {check.number: check for check in self.checks})

    @cached_property
    def slowest(self) -> list[Attempt]:
        timed = [attempt for attempt in self.attempts if attempt.seconds > 0]
        return sorted(timed, key=lambda each: (-each.seconds, each.student))[:MOST_SLOW]

    @property
    def usual_seconds(self) -> float:
        """The median time of a submission that was timed; 0 if none was."""
        times = [attempt.seconds for attempt in self.attempts if attempt.seconds > 0]
        return statistics.median(times) if times else 0.0

    @property
    def problems(self) -> dict[str, list[str]]:
        """The students with a broken submission, by the reason, commonest first."""
        return by_text((attempt.problem, attempt.student) for attempt in self.broken)

    @property
    def notes(self) -> dict[str, list[str]]:
        """The students with a note, by the note, commonest first."""
        return by_text((note, a.student) for a in self.attempts for note in dict.fromkeys(a.notes))


@dataclass(frozen=True)
class StudentNumbers:
    """One student: number in the report, name, and a submission of every notebook or less."""

    number: int
    name: str
    attempts: tuple[Attempt, ...]
    points: float
    maximum: float

    @cached_property
    def by_notebook(self) -> dict[str, Attempt]:
        return {attempt.notebook: attempt for attempt in self.attempts}

    @property
    def share(self) -> float:
        return self.points / self.maximum if self.maximum else 0.0

    @property
    def failed(self) -> int:
        return sum(len(attempt.failed) for attempt in self.attempts)

    @property
    def failed_numbers(self) -> list[int]:
        return sorted({mark.number for attempt in self.attempts for mark in attempt.failed})

    @property
    def seconds(self) -> float:
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def waiting(self) -> int:
        return sum(attempt.waiting for attempt in self.attempts)

    @property
    def broken(self) -> int:
        return sum(bool(attempt.problem) for attempt in self.attempts)

    @property
    def notes(self) -> int:
        return sum(len(attempt.notes) for attempt in self.attempts)

    @property
    def by_hand(self) -> int:
        return sum(mark.by_hand for attempt in self.attempts for mark in attempt.marks)

    @property
    def tags(self) -> str:
        """The words by which the page filters students."""
        tags = {
            "broken": self.broken,
            "notes": self.notes,
            "waiting": self.waiting,
            "changed": self.by_hand,
            "half": self.share < 0.5,
            "full": is_full(self.points, self.maximum),
        }
        return " ".join(tag for tag, holds in tags.items() if holds)


def class_numbers(
    masters: list[Master], results: list[Result], rows: list[Row]
) -> tuple[list[NotebookNumbers], list[StudentNumbers]]:
    """Return the numbers of every notebook and of every student, by name."""
    notebooks, first = [], 1
    for place, master in enumerate(masters, 1):
        mine = [row for row in rows if row.notebook == master.name]
        found = [result for result in results if result.notebook == master.name]
        notebooks.append(_notebook(place, master, first, found, mine))
        first += len(master.checks)
    return notebooks, _students(notebooks)


def _notebook(
    place: int, master: Master, first: int, results: list[Result], rows: list[Row]
) -> NotebookNumbers:
    checks = master.checks_by_id
    numbers = {key: number for number, key in enumerate(checks, first)}
    keys = ids_by_names(master)
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        rows_of[row.student].append(row)
    result_of = {result.student: result for result in results}
    attempts = []
    for student in sorted({*rows_of, *result_of}, key=_by_name):
        result = result_of.get(student, Result(student, master.name, ""))
        attempts.append(_attempt(result, rows_of[student], keys, numbers))
    return NotebookNumbers(place, master, tuple(attempts), _checks(checks, numbers, attempts))


def _by_name(student: str) -> tuple[str, str]:
    return student.casefold(), student


def _attempt(
    result: Result, rows: list[Row], keys: dict[tuple[str, str], str], numbers: dict[str, int]
) -> Attempt:
    reasons = [row.message for row in rows if row.status == "broken"]
    problem = result.problem
    if reasons:
        problem = result.problem or reasons[0] or "no reason was given"
    elif not rows and not problem:
        problem = "it was graded, but grades.csv has no row of it"
    marks = []
    for row in () if problem else rows:
        # Without a check it is a written answer: both names come from the same master.
        key = keys.get((row.exercise, row.check), "")
        marks.append(Mark(row, numbers.get(key, 0), result.verdicts.get(key)))
    return Attempt(
        result.student,
        result.notebook,
        tuple(marks),
        problem,
        result.notes,
        result.seconds,
        result.cpu_seconds,
    )


def _checks(
    checks: dict[str, Check], numbers: dict[str, int], attempts: list[Attempt]
) -> tuple[CheckNumbers, ...]:
    graded = sum(not attempt.problem for attempt in attempts)
    kinds: dict[int, Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        for mark in attempt.failed:
            kinds[mark.number][mark.kind] += 1
    return tuple(
        CheckNumbers(number, key, checks[key], graded, kinds[number].total(), kinds[number])
        for key, number in numbers.items()
    )


def _students(notebooks: list[NotebookNumbers]) -> list[StudentNumbers]:
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    points: dict[str, float] = defaultdict(float)
    for notebook in notebooks:
        for attempt in notebook.attempts:
            attempts[attempt.student].append(attempt)
            points[attempt.student] += 0 if attempt.problem else notebook.score(attempt)
    maximum = sum(notebook.maximum for notebook in notebooks)
    return [
        StudentNumbers(number, name, tuple(attempts[name]), points[name], maximum)
        for number, name in enumerate(sorted(attempts, key=_by_name), 1)
    ]


def summarise(scores: list[float]) -> Summary | None:
    """Return mean, extremes and quartiles; None if there are no scores."""
    if not scores:
        return None
    # quantiles needs two values; with one all quartiles are that value.
    values = scores if len(scores) > 1 else scores * 2
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(statistics.fmean(scores), min(scores), lower, median, upper, max(scores))


def histogram(scores: Iterable[float], maximum: float) -> list[Bin]:
    """Count scores in bins that are a whole number of points wide.

    Most scores are whole numbers: with any other width some bins would hold more of
    them than their neighbours. What lies outside counts in the outer bins.
    """
    width = math.ceil(maximum / MOST_BINS) or 1
    counts = [0] * (math.floor(maximum / width) + 1)
    for score in scores:
        counts[min(max(math.floor(score / width), 0), len(counts) - 1)] += 1
    return [Bin(width * place, width * (place + 1), n) for place, n in enumerate(counts)]


def common_messages(
    attempts: list[Attempt], checks: dict[int, CheckNumbers]
) -> list[MessageNumbers]:
    """Return the messages that most students read, without those of unwritten exercises.

    Messages of one exercise that differ only in numbers count as one, and the commonest
    of them is shown: two students who make the same mistake get other digits.
    """
    texts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    readers: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for attempt in attempts:
        for mark in attempt.failed:
            text = mark.message.strip("\n")
            if not text or mark.unwritten:
                continue
            group = mark.row.exercise, DIGITS.sub("#", text[:COMPARED])
            texts[group][text] += 1
            readers[group][attempt.student] = None  # a set that keeps the order
            numbers[group].add(mark.number)
    groups = sorted(texts, key=lambda group: (-len(readers[group]), min(numbers[group]), group))
    return [
        MessageNumbers(
            min(texts[group], key=lambda text: (-texts[group][text], text)),
            tuple(checks[number] for number in sorted(numbers[group])),
            tuple(readers[group]),
        )
        for group in groups[:MOST_MESSAGES]
    ]


def by_text(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group students by a text, the commonest text first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text, student in pairs:
        groups[text].append(student)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def grouped_lines(attempt: Attempt, *, by_message: bool = True) -> list[Line]:
    """Return what to say about a submission: its failed checks and those changed by hand.

    Checks of one exercise to which the same happened, with the same message, are one
    line; without ``by_message`` whatever the messages.
    """
    sizes = Counter(mark.row.exercise for mark in attempt.marks if mark.is_check)
    groups: dict[tuple[str, str, str], list[Mark]] = defaultdict(list)
    for mark in attempt.marks:
        if mark.failed or mark.by_hand:
            # Of one not written the first sentence: public checks add what to do now.
            message = mark.message.partition(".")[0] if mark.unwritten else mark.message
            groups[mark.row.exercise, mark.what, message if by_message else ""].append(mark)
    return [
        Line(tuple(marks), len(marks) == sizes[exercise] > 1)
        for (exercise, _, _), marks in groups.items()
    ]
