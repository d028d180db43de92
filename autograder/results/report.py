"""The class report: one HTML file that tells an instructor how a class did.

It names hidden checks, so it is not for students. It needs no network. Everything that a
student could have written is escaped and cut, and scripts other than its own do not run.
The figures come from report_numbers, the page from report.html.j2, report.css and report.js.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote

import jinja2

from autograder.course.config import Course
from autograder.course.master import Master
from autograder.results.regrade_notes import RegradeNotes
from autograder.results.report_numbers import (
    Line,
    StudentNumbers,
    class_numbers,
    grouped_lines,
)
from autograder.results.result import Result, Row

HERE = Path(__file__).resolve().parent
NAME_LIMIT, TEXT_LIMIT = 120, 600
# What all messages below the students may take together, in characters. Where that leaves
# less than LEAST_MESSAGE for each, none is shown. It keeps the page of 2,000 students who
# fail 80 checks each below 30 MB.
MESSAGE_BUDGET, LEAST_MESSAGE = 6_000_000, 60
# Control characters, surrogates, and characters that are invisible or change the direction
# of the text around them. The joiners U+200C and U+200D stay: names are written with them.
ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff\U000e0000-\U000e0fff]"
)
# The page shows what a click would close unless this has run before the first row is drawn.
MARK_SCRIPT = 'document.documentElement.className = "js";'


def write_report(
    course: Course, masters: list[Master], results: list[Result], rows: list[Row], path: Path
) -> None:
    """Write the class report.

    Args:
        course: the course.
        masters: the notebooks to report on; results and rows of others are left out.
        results: what grading found, one a submission.
        rows: the lines of grades.csv, with points given by hand.
        path: of the HTML file; feedback pages are linked if they lie in feedback/ beside it.
    """
    notebooks, students = class_numbers(masters, results, rows)
    lines, limit = student_lines(students)
    page = environment().get_template("report.html.j2")
    values = {
        "course": course,
        "notebooks": notebooks,
        "students": students,
        "lines": lines,
        "limit": limit,
        "feedback": find_feedback(path.parent, [each.master.name for each in notebooks]),
        "regrades": RegradeNotes(path.parent),
        "has_csv": (path.parent / "grades.csv").is_file(),
        "has_mistakes": (path.parent / "mistakes.html").is_file(),
        "style": style(),
        "scripts": _scripts(),
        "policy": policy(_scripts()),
    }
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8", newline="\n") as file:
        # Surrogates that a file name can carry were replaced; a template never adds any.
        for part in page.generate(values):
            file.write(part)
    new.replace(path)


def safe_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a text that cannot mislead: at most ``limit`` long, odd characters as codes."""
    head = str(text)[:limit].replace("\r\n", "\n")
    head = ODD.sub(lambda match: f"[U+{ord(match[0]):04X}]", head)
    if len(text) <= limit and len(head) <= limit:
        return head
    return f"{head[:limit]} … (cut; {len(text):,} characters)"


def cut(text: str, limit: int) -> str:
    """Return the shown text where the page says already that it is cut after ``limit``."""
    head = safe_text(text[:limit], limit).partition(" … (cut;")[0]
    return head if len(text) <= limit else f"{head} …"


def find_feedback(folder: Path, names: list[str]) -> dict[tuple[str, str], str]:
    """Return the links to the feedback pages beside the report, by student and notebook."""
    found = {}
    for name in names:
        for page in folder.glob(f"feedback/*/{name}/{name}.html"):
            student = page.parent.parent.name
            # fsencode, because a folder's name need not be valid text.
            found[student, name] = f"feedback/{quote(os.fsencode(student))}/{name}/{name}.html"
    return found


def number(value: float) -> str:
    """Return a number of points or seconds, with at most two decimals."""
    return f"{round(value, 2):,.10g}"


def percent(share: float) -> str:
    """Return a share as a percentage; 0 % and 100 % only if it is exactly that."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "< 1 %"
    if rounded == 100 and share < 1:
        return "> 99 %"
    return f"{rounded} %"


def count(amount: int, thing: str) -> str:
    """Return ``1 student`` or ``2 students``."""
    return f"{amount:,} {thing}{'' if amount == 1 else 's'}"


def tick_step(most: int, ticks: int = 6) -> int:
    """Return the round step with which at most so many reach from 0 to ``most``."""
    steps = (digit * 10**zeros for zeros in range(9) for digit in (1, 2, 5))
    return next(step for step in steps if ticks * step >= most)


def student_lines(students: list[StudentNumbers]) -> tuple[dict[int, list[Line]], int]:
    """Return what to say about each submission, by its id, and how long a message may be.

    The length is 0 if there are so many lines that the page is better without messages.
    """
    attempts = [attempt for student in students for attempt in student.attempts]
    lines = {id(attempt): grouped_lines(attempt) for attempt in attempts}
    limit = min(TEXT_LIMIT, MESSAGE_BUDGET // max(sum(map(len, lines.values())), 1))
    if limit >= LEAST_MESSAGE:
        return lines, limit
    return {id(attempt): grouped_lines(attempt, by_message=False) for attempt in attempts}, 0


def style() -> str:
    """Return the style sheet of the pages for instructors."""
    return (HERE / "report.css").read_text(encoding="utf-8")


def _scripts() -> list[str]:
    return [MARK_SCRIPT, (HERE / "report.js").read_text(encoding="utf-8")]


def policy(scripts: list[str]) -> str:
    """Return a content security policy that lets these scripts run and nothing else."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def environment() -> jinja2.Environment:
    """Return jinja2's environment of the pages for instructors: it escapes every value."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(cut=cut, id=id, number=number, percent=percent, safe_text=safe_text)
    made.globals.update(count=count, tick_step=tick_step, name_limit=NAME_LIMIT)
    return made
