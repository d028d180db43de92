"""Grades for other programs: spreadsheets, Canvas and Gradescope. Files are replaced whole."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.checks import Check
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.results.result import Result, Row, ids_by_names
from autograder.text import in_points

# What spreadsheets take for a formula, in its wide form too: at the start of a text, and
# after what some take for the end of a cell.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@＝＋－＠])")
CANVAS_COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS_POSSIBLE = "Points Possible"
AFTER = "after_published"
MAX_TEXT = 30_000  # characters of a cell or message; Excel takes 32,767


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """Write the rows as a table.

    Args:
        rows: the rows.
        path: the file. Texts that a spreadsheet would run as a formula get an apostrophe
            in front; a student could have put them there.
    """
    columns = list(Row.__annotations__)
    lines = [[_plain(value) for value in asdict(row).values()] for row in rows]
    replace_file(path, _table([columns, *lines]))


def write_canvas(
    rows: Iterable[Row], roster: Path | None, path: Path, worth: Mapping[str, float] | None = None
) -> list[str]:
    """Write totals as a table that Canvas imports into its gradebook.

    Canvas finds a student by ID, else by SIS User ID, else by SIS Login ID, and an
    assignment by its number or its title; the row "Points Possible" sets its points.

    Args:
        rows: of any number of notebooks, each of which becomes an assignment.
        roster: the gradebook as Canvas exports it. Its ids, names and sections are filled
            in, and its columns called NAME or "NAME (number)" are used. A student is found
            in it by SIS Login ID (with or without what follows an @), SIS User ID or ID.
            Without it the student's id becomes the SIS Login ID.
        path: the file.
        worth: by notebook the points that it is worth in the course, to which its scores
            are scaled; of another notebook the scores stay as they are.

    Returns:
        what to tell the instructor, a line each: who is not in the roster, and hence not
        in the file; whose points are not final; what the import would change.

    Raises:
        CourseError: the roster is not such a table.
    """
    rows = list(rows)
    names = list(dict.fromkeys(row.notebook for row in rows))
    students = list(dict.fromkeys(row.student for row in rows))
    table = _read_roster(roster) if roster else None
    people, said = _match(students, table) if table else (_by_login(students), [])
    headers = {name: table.header(name) if table else name for name in names}
    earned = {name: _maximum(rows, name) for name in names}
    maxima = earned | {n: points for n, points in (worth or {}).items() if n in earned}
    totals: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row.student, row.notebook)
        totals[key] = totals.get(key, 0) + row.points
    scaled = {key: total * (maxima[key[1]] / earned[key[1]]) for key, total in totals.items()}
    lines: list[list[str | float]] = [[*CANVAS_COLUMNS, *headers.values()]]
    lines.append([f"    {POINTS_POSSIBLE}", "", "", "", "", *(_number(maxima[n]) for n in names)])
    for student, person in people.items():
        scores = [_number(scaled.get((student, name))) for name in names]
        lines.append([*(_plain(person[column]) for column in CANVAS_COLUMNS), *scores])
    replace_file(path, _table(lines))
    return said + _not_final(rows) + (table.changes(headers, maxima) if table else [])


def write_gradescope(master: Master, result: Result, rows: Sequence[Row], path: Path) -> None:
    """Write the results.json that a Gradescope autograder leaves behind.

    Its tests are the rows of grades.csv, and their scores add up to the same. A written answer
    that nobody has graded has no score, as Gradescope's remarks have none; a zero would look
    like a grade.

    A check goes by its id, which tells nothing of a hidden one. Public checks are visible
    at once, hidden ones after the grades are published: until then students cannot try
    answers against them, and Gradescope shows no total. So it is with points for written
    answers, and with a late penalty, from which a total could be told.

    Args:
        master: the notebook's master.
        result: what grading gave. If it could not be graded the reason is shown, and the
            score is 0 or that of an earlier hand-in.
        rows: of grades.csv, those of the submission.
        path: the file.

    Raises:
        CourseError: a check has no row.
    """
    report: dict = {"visibility": "visible", "stdout_visibility": "hidden", "tests": []}
    report["execution_time"] = round(result.seconds)
    report["output"] = _cut("\n".join((result.problem, *result.notes)).strip())
    report["output_format"] = "text"
    tests = _tests(master, result.student, rows)
    if result.problem and not any(row.points for row in rows):
        report["score"] = 0.0
    else:
        report["tests"] = tests
    replace_file(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _tests(master: Master, student: str, rows: Sequence[Row]) -> list[dict]:
    """Return a test a row, in their order; checks by their ids."""
    checks, ids = master.checks_by_id, ids_by_names(master)
    named = [(ids.get((row.exercise, row.check), row.exercise), row) for row in rows]
    if missing := checks.keys() - {name for name, _ in named}:
        raise CourseError(f"there is no row of {min(missing)} of {student}")
    return [_test(name, checks.get(name), row) for name, row in named]


def _test(name: str, check: Check | None, row: Row) -> dict:
    """Return the test of a row.

    Args:
        name: what it is called.
        check: which check it is; None if it is a written answer or a late penalty.
        row: the row.
    """
    is_public = check is not None and not check.hidden
    test = {
        "name": name,
        "output": "" if row.status == "broken" else _cut(row.message),
        "output_format": "text",
        "visibility": "visible" if is_public else AFTER,
    }
    if check is None and row.status in ("needs grading", "broken") and not row.points:
        return test | {"output": f"A person will give up to {in_points(row.maximum)} for this."}
    status = "passed" if row.is_full else "failed"
    return test | {"score": row.points, "max_score": row.maximum, "status": status}


def _plain(value: str | float) -> str | float:
    """Return a cell that no spreadsheet runs and every one can hold."""
    return FORMULA.sub(r"\1'", _cut(value)) if isinstance(value, str) else value


def _cut(text: str) -> str:
    """Return a text that a student could have written, of bounded length."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} … (cut; {len(text):,} characters)"


def _number(value: float | None) -> str:
    """Return a score with the two decimals that Canvas keeps; Canvas skips an empty cell."""
    if value is None:
        return ""
    rounded = round(value, 2) + 0.0  # no minus before a zero
    return f"{rounded:.2f}".rstrip("0").rstrip(".")


def _table(lines: Iterable[Sequence]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue()


def _maximum(rows: list[Row], name: str) -> float:
    maxima = {(row.exercise, row.check): row.maximum for row in rows if row.notebook == name}
    return sum(maxima.values())


def _not_final(rows: list[Row]) -> list[str]:
    said = []
    for status, words in (
        ("needs grading", "have written answers without points"),
        ("broken", "handed in what could not be graded"),
    ):
        students = dict.fromkeys(row.student for row in rows if row.status == status)
        if students:
            said.append(f"{len(students)} {words}: {', '.join(students)}")
    return said


@dataclass(frozen=True)
class _Roster:
    """A gradebook exported from Canvas: its columns, its points row and its students."""

    columns: list[str]
    points: dict[str, str]
    people: list[dict[str, str]]

    def header(self, name: str) -> str:
        """Return the column of an assignment, with its number if it has one."""
        mine = (c for c in self.columns if re.fullmatch(rf"{re.escape(name)}( \(\d+\))?", c))
        return next(mine, name)

    def changes(self, headers: dict[str, str], maxima: dict[str, float]) -> list[str]:
        """Return a line for each assignment whose points the import would change."""
        said = []
        for name, header in headers.items():
            old = self.points.get(header, "").replace(",", ".")
            if re.fullmatch(r"\d+(\.\d+)?", old) and float(old) != round(maxima[name], 2):
                said.append(
                    f"{name} has {float(old):g} points in Canvas and {maxima[name]:g} here; "
                    "the import changes that"
                )
        return said


def _read_roster(path: Path) -> _Roster:
    """Read a gradebook exported from Canvas.

    Raises:
        CourseError: it cannot be read or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise CourseError(f"the roster cannot be read: {reason}", path) from None
    first = text.partition("\n")[0]
    # Canvas writes semicolons where the decimal sign is a comma.
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > 3 else ",")
    columns, *lines = list(reader) or [[]]
    if not {"ID", "Section"} <= set(columns) or not {"Student", "LastName"} & set(columns):
        raise CourseError(
            "the roster must be a gradebook exported from Canvas, with the columns Student, "
            "ID, SIS Login ID and Section",
            path,
        )
    records = [dict(zip(columns, line, strict=False)) for line in lines]
    points = next((r for r in records if POINTS_POSSIBLE in next(iter(r.values()), "")), {})
    people = [_person(record) for record in records if record.get("ID", "").strip()]
    return _Roster(columns, points, people)


def _person(record: dict[str, str]) -> dict[str, str]:
    person = {column: record.get(column, "").strip() for column in CANVAS_COLUMNS}
    if "LastName" in record:
        person["Student"] = f"{record['LastName']}, {record.get('FirstName', '')}".strip(", ")
    return person


def _by_login(students: list[str]) -> dict[str, dict[str, str]]:
    return {
        student: dict.fromkeys(CANVAS_COLUMNS, "") | {"Student": student, "SIS Login ID": student}
        for student in students
    }


def _match(students: list[str], roster: _Roster) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Find students in a roster; who is not found for certain is named and left out."""
    found: dict[str, dict[str, str]] = {}
    said = []
    for student in students:
        people = _candidates(student, roster.people)
        if len(people) == 1:
            found[student] = people[0]
        else:
            why = "is not in the roster" if not people else f"fits {len(people)} in the roster"
            said.append(f"{student} {why} and is left out")
    by_id: dict[str, list[str]] = {}
    for student, person in found.items():
        by_id.setdefault(person["ID"], []).append(student)
    for twins in (twins for twins in by_id.values() if len(twins) > 1):
        said.append(f"{' and '.join(twins)} are one student in the roster and are left out")
        for student in twins:
            del found[student]
    return found, said


def _candidates(student: str, people: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return who it may be: by the exact ids, else by login in any case or without its @.

    The files of a Canvas download are called ``leejohn_12345_...``, where 12345 is the ID; so who
    is not found by login is looked for by the number at the end.
    """
    exact = ("SIS Login ID", "SIS User ID", "ID")
    certain = [person for person in people if student in [person[column] for column in exact]]
    if certain:
        return certain
    wanted = student.casefold()
    logins = [(person, person["SIS Login ID"].casefold()) for person in people]
    by_login = [person for person, login in logins if wanted in (login, login.partition("@")[0])]
    number = student.rpartition("_")[2]
    return by_login or [person for person in people if number != student and number == person["ID"]]
