"""Which documented wrong answer a submission behaves like, for TAs who answer questions.

A wrong answer of the corpus (autograder.course.corpus) says which checks it fails. A submission
that fails the same checks of an exercise has, most likely, made the same mistake. If several
wrong answers fail the same checks, the one whose text is most like the student's comes first.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from rich.table import Table
from rich.text import Text

from autograder.checks.shared.verdict import Verdict
from autograder.course.config import Course
from autograder.course.corpus import Answer, corpus_of, load_answers
from autograder.course.master import Master, load_master
from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.results.ledger import Ledger
from autograder.results.report import environment, policy, safe_text, style
from autograder.results.report_numbers import NOT_WRITTEN, WORDS
from autograder.results.result import Result
from autograder.text import some_of

PAGE = "mistakes.html"
# What the students' code may take together on the page, and in one place, in characters.
CODE_BUDGET, CODE_LIMIT = 6_000_000, 3_000
MOST_NAMES = 8


@dataclass(frozen=True)
class Resemblance:
    """What a student's failed checks of one exercise look like.

    Attributes:
        student, exercise: whose, and the id of the exercise.
        master: of the notebook.
        failed: the verdicts on the failed checks, by name, public ones first.
        answers: the documented wrong answers with the same failed checks, the one most like
            the student's first; else the nearest one alone.
        is_exact: whether the answers fail the same checks.
        cause: an earlier exercise whose mistake is known to make these checks fail; else "".
        code: the student's, "" if it is not known.
    """

    student: str
    exercise: str
    master: Master
    failed: Mapping[str, Verdict]
    answers: tuple[Answer, ...] = ()
    is_exact: bool = False
    cause: str = ""
    code: str = ""

    @property
    def notebook(self) -> str:
        return self.master.name

    @property
    def is_unwritten(self) -> bool:
        """Whether the exercise, or one that it calls, is as it came or is not defined."""
        return all(verdict.kind in NOT_WRITTEN for verdict in self.failed.values())

    @property
    def happened(self) -> list[str]:
        """The failed checks, each with what happened in a word or two."""
        return [f"{n} ({WORDS.get(v.kind, v.kind)})" for n, v in self.failed.items()]

    @cached_property
    def verdict(self) -> str:
        """What the submission behaves like, in a sentence."""
        if self.is_unwritten:
            return "Not written, or it calls what is not written."
        if self.cause:
            return f"Follows from the mistake in {self.cause}."
        if self.is_exact:
            others = [answer.name for answer in self.answers[1:]]
            same = f" The same checks are failed by {', '.join(others)}." if others else ""
            return f"Behaves like {self.answers[0].name}.{same}"
        lead = "No documented mistake fails exactly these checks"
        if not self.answers:
            return f"{lead}."
        answer = self.answers[0]
        mine = _of_exercise(self.master, self.exercise, answer.fails)
        more = ", ".join(name for name in mine if name not in self.failed)
        fewer = ", ".join(name for name in self.failed if name not in mine)
        differs = [f"fails {more}, too" if more else "", f"passes {fewer}" if fewer else ""]
        return f"{lead}; nearest: {answer.name} (which {' and '.join(filter(None, differs))})."

    @cached_property
    def advice(self) -> str:
        """What to ask or to tell the student: the hint about the mistake."""
        if self.is_unwritten:
            return "Ask what they have tried, and what the docstring promises."
        if self.cause:
            return f"Mend {self.cause} first, then look again."
        if self.is_exact:
            return self._hint(self.answers[0].hint_of)
        return self._hint(next(iter(self.failed)))

    def _hint(self, name: str) -> str:
        return next(check.hint for check in self.master.checks if check.name == name)


def resemblances(
    master: Master, answers: list[Answer], result: Result, codes: Mapping[str, str]
) -> Iterator[Resemblance]:
    """Yield what each exercise with a failed check looks like.

    Args:
        master: the notebook's master.
        answers: its corpus.
        result: what grading one submission gave.
        codes: the student's code by exercise, as far as it is known.
    """
    by_id = master.checks_by_id
    verdicts = {by_id[k].name: v for k, v in result.verdicts.items() if k in by_id}
    failed = {name: verdict for name, verdict in verdicts.items() if not verdict.passed}
    causes: dict[str, str] = {}  # the exercise whose mistake explains a later check's failure
    for exercise in master.exercises:
        own = {name: failed[name] for name in _of_exercise(master, exercise, failed)}
        if not own:
            continue
        code = codes.get(exercise, "")
        plain = Resemblance(result.student, exercise, master, own, code=code)
        left = own.keys() - causes.keys()
        if plain.is_unwritten:
            yield plain
        elif not left:
            yield replace(plain, cause=causes[next(iter(own))])
        else:
            found, is_exact = _alike(master, answers, exercise, left, failed, code)
            yield replace(plain, answers=tuple(found), is_exact=is_exact)
            if is_exact:
                causes |= {name: exercise for name in found[0].fails if name not in causes}


def _alike(
    master: Master,
    answers: list[Answer],
    exercise: str,
    left: set[str],
    failed: Mapping[str, Verdict],
    code: str,
) -> tuple[list[Answer], bool]:
    """Return the wrong answers that fail the same checks, else the nearest one.

    Args:
        master, answers: the notebook and its corpus.
        exercise: the id of the exercise.
        left: the failed checks of it that no earlier mistake explains.
        failed: all failed checks of the submission.
        code: the student's.
    """
    own = set(_of_exercise(master, exercise, failed))
    wrong = [answer for answer in answers if answer.exercise == exercise and not answer.right]
    mine = {a.name: set(_of_exercise(master, exercise, a.fails)) for a in wrong}
    exact = [answer for answer in wrong if left <= mine[answer.name] <= own]
    # A mistake whose consequences in later exercises are missing is less likely this one.
    exact.sort(key=lambda a: (len(set(a.fails) - failed.keys()), -likeness(a.source, code)))
    if exact:
        return exact, True
    wrong.sort(key=lambda a: (len(mine[a.name] ^ own), -likeness(a.source, code)))
    return wrong[:1], False


def _of_exercise(master: Master, exercise: str, names) -> list[str]:
    """Return those of some checks that belong to an exercise, public ones first."""
    return [c.name for c in master.checks_of(exercise).values() if c.name in names]


def likeness(one: str, other: str) -> float:
    """Return how much of two texts is the same, from 0 to 1: their share of common phrases."""
    first, second = _phrases(one), _phrases(other)
    return (first & second).total() / max((first | second).total(), 1)


@lru_cache(1000)
def _phrases(text: str) -> Counter:
    """Return the phrases of a program: two words in a row, or eight."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return Counter(tuple(words[n : n + size]) for size in (2, 8) for n in range(len(words) - 1))


def find_mistakes(
    course: Course, masters: list[Master], results: list[Result], out: Path
) -> list[Resemblance]:
    """Return the resemblances of a class, by student; notebooks without a corpus are left out.

    Args:
        course: the course, which has the corpora.
        masters: the notebooks.
        results: what grading gave.
        out: the results' folder, with the autograded notebooks.
    """
    known = {
        m.name: (m, load_answers(course, m.name))
        for m in masters
        if corpus_of(course, m.name).is_file()
    }
    found: list[Resemblance] = []
    for result in sorted(results, key=lambda each: (each.student, each.notebook)):
        if result.notebook in known and not all(v.passed for v in result.verdicts.values()):
            codes = read_codes(out, result.student, result.notebook)
            found += resemblances(*known[result.notebook], result, codes)
    return found


def read_codes(out: Path, student: str, name: str) -> dict[str, str]:
    """Return a student's code by exercise, from the autograded notebook if it is there."""
    path = out / "autograded" / student / name / f"{name}.ipynb"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return {}
    keyed = [(cell["metadata"].get("nbgrader", {}).get("grade_id"), cell) for cell in cells]
    return {key: "".join(cell["source"]) for key, cell in keyed if key}


def known_results(course: Course, out: Path) -> tuple[list[Master], list[Result]]:
    """Return what was graded into a folder.

    Raises:
        CourseError: nothing was.
    """
    ledger = Ledger(out / "results")
    results = [result for name in course.names for result in ledger.all(name)]
    if not results:
        raise CourseError("nothing was graded there; run `course grade` first", out)
    graded = {result.notebook for result in results}
    return [load_master(course, name) for name in course.names if name in graded], results


def mistakes(
    course: Course, out: Path, student: str | None, notebook: str | None
) -> tuple[list[Resemblance], Path]:
    """Write the page of the whole class; return the resemblances asked for, and the page.

    Args:
        course: the course.
        out: the results of `course grade`.
        student: whose to return; None is everybody's.
        notebook: the full name of the one to return those of; None is all.

    Raises:
        CourseError: nothing was graded there, or not this student or notebook.
    """
    masters, results = known_results(course, out)
    students = sorted({r.student for r in results if notebook in (None, r.notebook)})
    if not students:
        raise CourseError(f"no submission of {notebook} was graded there", out)
    if student is not None and student not in students:
        names = some_of(students, MOST_NAMES)
        raise CourseError(f"no graded submission of {student!r}; there are: {names}", out)
    found = find_mistakes(course, masters, results, out)
    path = write_page(course, found, out)
    asked = [r for r in found if student in (None, r.student) and notebook in (None, r.notebook)]
    return asked, path


def write_page(course: Course, found: list[Resemblance], out: Path) -> Path:
    """Write mistakes.html into the results' folder and return its path.

    Args:
        course: the course.
        found: the resemblances of the whole class.
        out: the results' folder.
    """
    by_student: dict[str, list[Resemblance]] = defaultdict(list)
    common: dict[tuple[str, str], list[Resemblance]] = defaultdict(list)
    for each in found:
        by_student[each.student].append(each)
        if each.is_exact:
            common[each.notebook, each.answers[0].name].append(each)
    page = environment().get_template("mistakes.html.j2")
    text = page.render(
        course=course,
        students=by_student,
        number_of={student: number for number, student in enumerate(by_student, 1)},
        common=sorted(common.values(), key=lambda group: -len(group)),
        limit=min(CODE_LIMIT, CODE_BUDGET // max(len(found), 1)),
        style=style(),
        policy=policy([]),
    )
    replace_file(out / PAGE, text)
    return out / PAGE


def table_of(found: list[Resemblance]) -> Table:
    """Return the resemblances as a table for the terminal; it can be read at 80 columns."""
    table = Table("student", "exercise", "what it is, and what to ask or tell", show_lines=True)
    for each in found:
        text = Text(f"{each.verdict}\n")
        text.append(each.advice, "bold")
        text.append("".join(f"\nfails {line}" for line in each.happened), "dim")
        exercise = Text(f"{each.notebook.partition('_')[0]}\n{each.exercise}")
        table.add_row(Text(safe_text(each.student)), exercise, text)
    return table
