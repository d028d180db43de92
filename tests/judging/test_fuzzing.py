"""Whatever happens to a file, its class is graded, it has its row, and it wins nothing.

A mutant (tests/support/mutations.py) is a right, half right or wrong submission with random
damage. Of each of some two thousand the whole of ``course grade`` must say one of two things:
what matching says it cannot be graded for, or points, of no check more than its base has there.

A failure names the mutant; its file is in pytest's temporary folder (``--basetemp``), in
``class/m0123/``, and ``mutant_of`` or ``real_mutant`` makes it again.
"""

import contextlib
import csv
import functools
import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from rich.console import Console

from autograder.commands.grade import Class, Settings, feedback_page, grade
from autograder.commands.prove import solutions
from autograder.course.cells import grade_id, nbgrader_settings, with_answers
from autograder.course.compose import dumps, source_notebook, student_notebook
from autograder.course.config import load_course
from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.intake.find import Submission, find_submissions
from autograder.intake.matching import match
from autograder.intake.sources import RESERVED
from autograder.processes import find_own_tools
from tests.support.course import ROOT, small_course
from tests.support.mutations import PICTURE, WILD, Mutant, key_of, kinds, mutant, odd_name
from tests.support.proof import MUTANTS
from tests.support.released import NAMES, check_promises, released

NAME = "01_mini"
SEED = 7
ODD_FOLDERS = 24  # with the full submission in them
REAL = 27  # through everything, feedback included
MATCHED = 270  # of the real notebooks, through matching alone

# Four exercises whose answers have no line in common: no lines of one, however joined, answer
# another. No check takes None, a constant or the argument itself for an answer.
MASTER = '''\
# %% [markdown]
# # A notebook to damage

# %%
import torch
from course_helper import waits_for

# %% [markdown]
# ## Twice
#
# Write `double`.

# %% exercise="double"
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return x + x
    ### END SOLUTION


# %%
with waits_for("double"):
    print(double(4))

# %% exercise="Tally"
class Tally:
    """Numbers that come one by one, and their mean."""

    def __init__(self):
        self.numbers = []

    def add(self, number):
        """Take one more number."""
        ### BEGIN SOLUTION
        self.numbers.append(number)
        ### END SOLUTION

    def mean(self):
        """Return the mean of all numbers so far."""
        ### BEGIN SOLUTION
        return sum(self.numbers) / len(self.numbers)
        ### END SOLUTION


# %% tags=["skip-execution"]
raise SystemExit("a long computation that graders skip")

# %% [markdown] written="why" points=2
# ### BEGIN SOLUTION
# The model answer mentions linearity of doubling.
#
# ### BEGIN RUBRIC
# Two points for the word linearity in the answer.
# ### END RUBRIC
# ### END SOLUTION

# %% exercise="outer"
def outer(u, v):
    """Return the table of all products of an entry of u and one of v."""
    ### BEGIN SOLUTION
    return u[:, None] * v
    ### END SOLUTION


# %%
table = torch.arange(3.0)
with waits_for("outer"):
    print(outer(table, table))

# %% [markdown]
# ## Four times
#
# Write `fourfold` with `double`.

# %% exercise="fourfold"
def fourfold(x):
    """Return four times x."""
    ### BEGIN SOLUTION
    return double(double(x))
    ### END SOLUTION


# %%
with waits_for("double", "fourfold"):
    print(fourfold(2))
'''

CHECKS = '''\
"""Checks of the notebook to damage."""

import torch

from autograder.checks import check
from autograder.inside.student.course_helper import expect_close, expect_equal


@check("double", points=1, hint="Twice means x + x.")
def doubles_three(double):
    """Twice 3 is 6."""
    expect_equal(double(3), 6)


@check("double", points=2, hidden=True, hint="Does the answer depend on x at all?")
def doubles_a_negative_number(double):
    """Twice -21 is -42."""
    expect_equal(double(-21), -42)


@check("Tally", points=1, hint="Sum over number.")
def mean_of_two(Tally):
    """The mean of 2 and 5."""
    tally = Tally()
    tally.add(2)
    tally.add(5)
    expect_equal(tally.mean(), 3.5)


@check("Tally", points=2, hidden=True, hint="Do later numbers count?")
def mean_goes_on(Tally):
    """The mean after one more number."""
    tally = Tally()
    tally.add(1)
    tally.add(2)
    tally.mean()
    tally.add(12)
    expect_equal(tally.mean(), 5.0)


@check("outer", points=1, hint="One axis for each vector.")
def table_of_two(outer):
    """Two entries and three."""
    u, v = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0, 7.0])
    expect_close(outer(u, v), torch.tensor([[3.0, 5.0, 7.0], [6.0, 10.0, 14.0]]))


@check("outer", points=3, hidden=True, hint="Which vector names the rows?")
def table_of_random_numbers(outer):
    """Random entries."""
    u, v = torch.linspace(1, 2, 5), torch.linspace(3, 5, 4)
    expect_close(outer(u, v), torch.einsum("i,j->ij", u, v))


@check("fourfold", points=1, hint="Double twice.")
def four_times_two(fourfold):
    """Four times 2 is 8."""
    expect_equal(fourfold(2), 8)


@check("fourfold", points=2, hidden=True, hint="Does the answer depend on x at all?")
def four_times_a_negative_number(fourfold):
    """Four times -5 is -20."""
    expect_equal(fourfold(-5), -20)
'''

DOUBLE = 'def double(x):\n    """Return twice x."""\n    return twice(x)'
TALLY = '''\
class Tally:
    """Mine."""

    def __init__(self):
        self.count, self.total = 0, 0

    def add(self, number):
        self.count += 1
        self.total += number

    def mean(self):
        return self.total / self.count'''
OUTER = "def outer(u, v):\n    return torch.stack([a * v for a in u])"
FOURFOLD = "# my answer\ndef fourfold(x):\n    return double(double(x))"
HELPER = "def twice(x):\n    return 2 * x"
# What is wrong here stays wrong whatever lines it loses or gains from the other cells: nothing
# in them doubles a number or makes a table. The right fourfold stands alone, and four times is
# not twice.
WRONG_DOUBLE = 'def double(x):\n    """Return twice x."""\n    return 6'
WRONG_OUTER = "def outer(u, v):\n    return torch.zeros(len(u), len(v))"
FOURFOLD_ALONE = "def fourfold(x):\n    return 4 * x"
ANSWERS = {
    "full": {"double": DOUBLE, "Tally": TALLY, "outer": OUTER, "fourfold": FOURFOLD},
    "half": {"double": DOUBLE, "Tally": TALLY},
    "wrong": {
        "double": WRONG_DOUBLE,
        "Tally": TALLY,
        "outer": WRONG_OUTER,
        "fourfold": FOURFOLD_ALONE,
    },
}
POINTS = {"full": 13, "half": 6, "wrong": 7}


@dataclass(frozen=True)
class Graded:
    """A class of mutants, graded.

    Attributes:
        release: the student copy.
        mutants: by number, each with the name of its base.
        rows: of grades.csv, by student.
        report: the class report.
        odd: how many more students there are, in folders with odd names.
    """

    release: NotebookNode
    mutants: list[tuple[str, Mutant]]
    rows: dict[str, list[dict]]
    report: str
    odd: int

    def each(self) -> Iterator[tuple[str, list[dict], list[dict], Mutant]]:
        """Yield of every mutant how to make it again, its rows, its base's rows, and itself."""
        for number, (base, damaged) in enumerate(self.mutants):
            mine = self.rows.get(student_of(number), [])
            yield told(number, base, damaged), mine, self.rows[base], damaged


def stubs_of(release: NotebookNode) -> dict[str, str]:
    """Return the texts of the cells that students fill in, by grade id."""
    return {grade_id(c): c.source for c in release.cells if nbgrader_settings(c).get("solution")}


def mutant_of(number: int, bases: dict[str, dict], release: NotebookNode) -> tuple[str, Mutant]:
    """Return the base and the mutant of a number."""
    base = sorted(bases)[number % len(bases)]
    return base, mutant(bases[base], SEED, number, stubs_of(release))


def worn(release: NotebookNode, answers: dict[str, str]) -> dict:
    """Return a submission with the traces that work leaves, as plain data."""
    answered = with_answers(release, {**answers, "why": "Because it is linear. ![](a.png)"})
    notebook = json.loads(nbformat.writes(answered, split_lines=False))
    notebook["metadata"]["colab"] = {"provenance": []}
    cells = notebook["cells"]
    if answers.get("double") == DOUBLE:
        at = next(n for n, cell in enumerate(cells) if key_of(cell) == "double")
        own = {"id": "own", "cell_type": "code", "source": HELPER, "outputs": []}
        cells.insert(at, {**own, "metadata": {"id": "colab", "scrolled": True}})
    picture = {"output_type": "display_data", "data": {"image/png": PICTURE}, "metadata": {}}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "8"}, picture]
        elif key_of(cell) == "why":
            cell["attachments"] = {"a.png": {"image/png": PICTURE}}
    return notebook


def student_of(number: int) -> str:
    return f"m{number:04}"


@contextlib.contextmanager
def named_failures(describe: Callable[[str], str]) -> Iterator[None]:
    """Let an error of the course's own part of a run say whose submission it was."""

    def named(method):
        @functools.wraps(method)
        def wrapped(self, what, *rest):
            try:
                return method(self, what, *rest)
            except Exception as error:
                student = getattr(what, "submission", what).student
                error.add_note(describe(student))
                raise

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for name in ("refuse", "enter"):
            patch.setattr(Class, name, named(getattr(Class, name)))
        yield


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Graded:
    """Mutants of three submissions in one class with the submissions themselves."""
    find_own_tools()
    with small_course(tmp_path_factory.mktemp("fuzz") / "mini", MASTER, CHECKS) as root:
        course = load_course(root)
        release = student_notebook(source_notebook(course, load_master(course, NAME)))
        bases = {name: worn(release, answers) for name, answers in ANSWERS.items()}
        mutants = [mutant_of(number, bases, release) for number in range(MUTANTS)]
        files = {name: json.dumps(base).encode() for name, base in bases.items()}
        odd = names_of(random.Random(SEED), ODD_FOLDERS)
        files |= {os.fsdecode(name): files["full"] for name in odd}
        files |= {student_of(number): each.data for number, (_, each) in enumerate(mutants)}
        for student, data in files.items():
            (root / "class" / student).mkdir(parents=True)
            (root / "class" / student / f"{NAME}.ipynb").write_bytes(data)
        names = {student_of(number): told(number, *each) for number, each in enumerate(mutants)}
        settings = Settings(workers=2, feedback=False, gradescope=True)
        with named_failures(lambda student: names.get(student, student)):
            grade(course, [NAME], root / "class", root / "out", Console(quiet=True), settings)
        rows: dict[str, list[dict]] = {}
        with (root / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["student"], []).append(row)
        report = (root / "out" / "report.html").read_text(encoding="utf-8")
        return Graded(release, mutants, rows, report, len(odd))


def told(number: int, base: str, damaged: Mutant) -> str:
    """Say which mutant it is, for messages."""
    return f"mutant {number} of seed {SEED}, of the {base!r} submission: {', '.join(damaged.steps)}"


def points(rows: list[dict]) -> dict[str, float]:
    """Return the points by check."""
    return {f"{row['exercise']}: {row['check']}": float(row["points"]) for row in rows}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_bases_have_the_points_that_their_answers_earn(graded):
    assert {base: sum(points(graded.rows[base]).values()) for base in POINTS} == POINTS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_mutant_is_graded_or_refused_for_what_matching_says(graded):
    for name, rows, of_base, damaged in graded.each():
        problem = ""
        try:
            match(damaged.data, graded.release)
        except CourseError as error:
            problem = error.message
        assert list(points(rows)) == list(points(of_base)), name
        assert {row["status"] == "broken" for row in rows} == {bool(problem)}, name
        assert not problem or {row["message"] for row in rows} == {problem}, name
        assert rows[0]["student"] in graded.report, name


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_mutant_has_more_points_at_any_check_than_its_base(graded):
    for name, rows, of_base, _ in graded.each():
        mine, most = points(rows), points(of_base)
        assert not {check: mine[check] for check in mine if mine[check] > most[check]}, name


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_damage_to_metadata_and_outputs_costs_no_point(graded):
    harmless = 0
    for name, rows, of_base, damaged in graded.each():
        if damaged.harmless:
            harmless += 1
            assert points(rows) == points(of_base), name
    assert harmless > MUTANTS / 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_damage_is_neither_deadly_nor_idle(graded):
    """Most mutants are graded, and many of them lose points; else nothing above says much."""
    broken = fewer = 0
    for _, rows, of_base, _ in graded.each():
        is_broken = rows[0]["status"] == "broken"
        broken += is_broken
        fewer += not is_broken and points(rows) != points(of_base)
    assert 0.02 * MUTANTS < broken < 0.25 * MUTANTS
    assert 0.2 * MUTANTS < fewer < 0.8 * MUTANTS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_students_with_odd_names_have_their_points_too(graded):
    known = {student_of(number) for number in range(MUTANTS)} | set(POINTS)
    odd = graded.rows.keys() - known
    assert len(odd) == graded.odd
    assert {sum(points(graded.rows[student]).values()) for student in odd} == {POINTS["full"]}


# ---------------------------------------------------------------------- the real notebooks


@functools.cache
def real_bases(name: str) -> dict[str, dict]:
    """Return the untouched notebook, the solved one and a half-solved one as plain data."""
    release = released(name)
    solved = solutions(load_master(load_course(ROOT), name))
    half = dict(list(solved.items())[::2])
    answers = {"untouched": {}, "solved": solved, "half": half}
    return {b: json.loads(dumps(with_answers(release, given))) for b, given in answers.items()}


def real_mutant(number: int, without: tuple[str, ...] = ()) -> tuple[str, str, Mutant]:
    """Return the name of the notebook, its base, and the mutant of a number."""
    name = NAMES[number % len(NAMES)]
    bases = real_bases(name)
    base = sorted(bases)[number // len(NAMES) % len(bases)]
    return name, base, mutant(bases[base], SEED, number, stubs_of(released(name)), without)


@pytest.mark.parametrize("part", range(4))
def test_mutants_of_the_nine_notebooks_are_matched_or_refused(part):
    matched = 0
    for number in range(part, MATCHED, 4):
        name, base, damaged = real_mutant(number)
        try:
            matched += is_matched(name, damaged.data)
        except Exception as error:
            error.add_note(told(number, f"{base} {name}", damaged))
            raise
    assert matched > 0.7 * MATCHED / 4


def is_matched(name: str, data: bytes) -> bool:
    """Tell whether a file can be graded; if so, its match must be a fixed point."""
    try:
        result = match(data, released(name))
    except CourseError as error:
        assert "\n" not in str(error)
        return False
    check_promises(result.notebook, name)
    assert match(dumps(result.notebook).encode(), released(name)).notebook == result.notebook
    assert all("\n" not in note and len(note) < 500 for note in result.notes)
    return True


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_mutants_of_the_nine_notebooks_win_nothing(course, tmp_path):
    """They are graded with feedback; where an exercise was open no check passes."""
    find_own_tools()
    mutants = {f"r{number:02}": damaged_real(number) for number in range(REAL)}
    for student, (name, _, _, damaged) in mutants.items():
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / f"{name}.ipynb").write_bytes(damaged.data)
    console = Console(record=True, quiet=True)
    with named_failures(lambda student: mutants[student][2]):
        given = grade(
            course, course.names, tmp_path / "class", tmp_path / "out", console, Settings(workers=2)
        )
    for student, (name, solved, how, _) in mutants.items():
        rows = [row for row in given if row.student == student]
        assert {row.notebook for row in rows} == {name}, how
        assert {row.exercise for row in rows} == stubs_of(released(name)).keys(), how
        for row in rows:
            assert row.points <= (row.maximum if row.exercise in solved else 0), (how, row)
            assert "grading" not in row.message or row.status != "broken", (how, row)
        page = feedback_page(tmp_path / "out", student, name)
        assert page.is_file() == (rows[0].status != "broken"), how
        assert student in (tmp_path / "out" / "report.html").read_text(encoding="utf-8"), how
    assert sum(row.points > 0 for row in given) > 100


def damaged_real(number: int) -> tuple[str, set[str], str, Mutant]:
    """Return a notebook's name, what is solved in it, how to make it again, and the mutant.

    Half-solved ones keep the lines of their stubs: a function that returns nothing does leave
    its arguments alone, which a check may ask for.
    """
    name = NAMES[number % len(NAMES)]
    base = ("solved", "half")[number // len(NAMES) % 2]
    spared = () if base == "solved" else (*kinds("source"), "cell_split", "file_hole")
    notebook = real_bases(name)[base]
    damaged = mutant(notebook, SEED, number, stubs_of(released(name)), (*WILD, *spared))
    every = solutions(load_master(load_course(ROOT), name))
    solved = set(every) if base == "solved" else set(list(every)[::2])
    return name, solved, told(number, f"{base} {name}", damaged), damaged


# ---------------------------------------------------------------------- folders and archives


ARCHIVES = 400
SMALL = b'{"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {}}], "nbformat": 4}'
FILES = {  # what a student's folder may hold, beside the right notebook
    "notebook": lambda name, data: {f"{name}.ipynb": data},
    "copy": lambda name, data: {f"Copy of {name} (2).ipynb": data, f"{name}.ipynb": data[:99]},
    "garbage": lambda name, data: {f"{name}.ipynb": b"\x00\xff{"},
    "below": lambda name, data: {f"{name}/{name}.ipynb": data, "x/y/z.ipynb": b"{}"},
    "stamped": lambda name, data: {f"{name}/{name}.ipynb": data, f"{name}/timestamp.txt": b"\xff"},
    "others": lambda name, data: {"work.zip": b"PK\x03\x04", "notes.txt": b"", "a.pdf": b"%PDF"},
    "renamed": lambda name, data: {"final (3).ipynb.txt": data},
    "unnamed": lambda name, data: {"\x01.ipynb": b'{"cells": []}'},
    "nothing": lambda name, data: {},
}


@pytest.fixture(scope="module")
def releases() -> dict[str, NotebookNode]:
    """The student copies of the real notebooks."""
    return {name: released(name) for name in NAMES}


def names_of(generator: random.Random, amount: int) -> list[bytes]:
    names = set()
    while len(names) < amount:
        names.add(odd_name(generator))
    return sorted(names)


def check_found(found: list[Submission]) -> None:
    """Check what holds of all submissions, and that each can be read or says why not."""
    pairs = [(each.student.casefold(), each.notebook) for each in found]
    assert len(set(pairs)) == len(pairs)
    for each in found:
        # A name for a file on every system.
        assert each.student.isprintable() and not set(each.student) & set(' /\\:*?"<>|')
        assert 0 < len(each.student) < 100 and each.student[0] not in ".-"
        assert not RESERVED.fullmatch(each.student)
        assert each.place.isprintable()
        try:
            assert isinstance(each.read(), bytes)
        except CourseError as error:
            assert str(error)


def odd_class(place: Path, number: int, data: bytes) -> list[bytes]:
    """Make a folder a student with odd names and contents; return the names."""
    generator = random.Random(f"{SEED} folder {number}")
    names = names_of(generator, 12)
    for name in names:
        folder = place / os.fsdecode(name)
        folder.mkdir(parents=True)
        for path, content in generator.choice(list(FILES.values()))(NAMES[0], data).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return names


@pytest.mark.parametrize("number", range(40))
def test_every_folder_is_a_student_whatever_its_name(number, releases, tmp_path):
    names = odd_class(tmp_path / "class", number, dumps(releases[NAMES[0]]).encode())
    try:
        found = find_submissions(tmp_path / "class", releases, NAMES[0])
    except CourseError as error:
        assert "no submission of" in str(error), names
        return
    check_found(found)
    assert len({each.student for each in found}) == len(names), f"{number}: {names}"


def archive_of(generator: random.Random, data: bytes) -> tuple[bytes, int]:
    """Return a zip archive as one system or another makes it, and how many students are in it."""
    layout = generator.choice(
        [
            "{who}/{name}.ipynb",
            "submitted/{who}/{name}/{name}.ipynb",
            "class/{who}/{name}.ipynb",
            "{who}_12{n}_345{n}_{name}-2.ipynb",
            "{who} Lee_7{n}_assignsubmission_file_/{name}.ipynb",
            "Work_{who}_attempt_2026-11-01-12-00-0{n}_{name}.ipynb",
            "submission_{n}/{name}.ipynb",
        ]
    )
    place = io.BytesIO()
    students = ["ada", "bob", "cem", "dan"]
    with zipfile.ZipFile(place, "w", generator.choice([0, zipfile.ZIP_DEFLATED])) as archive:
        for n, who in enumerate(students):
            archive.writestr(layout.format(who=who, n=n, name=NAMES[0]), data)
        if layout.startswith("submission_"):
            people = "".join(GRADESCOPE.format(n=n, who=who) for n, who in enumerate(students))
            archive.writestr("submission_metadata.yml", people)
    return place.getvalue(), len(students)


GRADESCOPE = """\
submission_{n}:
  :submitters:
  - :name: {who}
    :sid: '1{n}'
  :created_at: 2026-11-01 12:00:00.000000000 Z
"""


def damaged_bytes(generator: random.Random, data: bytes, begin: int, end: int) -> bytes:
    """Return the bytes with some of those from begin to end flipped or overwritten."""
    changed = bytearray(data)
    for _ in range(generator.choice([1, 1, 2, 5, 50])):
        changed[generator.randrange(begin, end)] = generator.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("part", range(4))
def test_damaged_archives_are_read_or_refused(part, releases, tmp_path):
    for number in range(part, ARCHIVES, 4):
        generator = random.Random(f"{SEED} archive {number}")
        whole, students = archive_of(generator, SMALL)
        directory = whole.index(b"PK\x01\x02")
        place = tmp_path / f"{number}.zip"
        # Half of them keep the table of contents: then nobody may be lost.
        listed = generator.random() < 0.5
        begin, end = (200, directory) if listed else (0, len(whole))
        data = damaged_bytes(generator, whole, begin, end)
        if not listed and generator.random() < 0.2:
            data = data[: generator.randrange(len(data))] + data[generator.randrange(len(data)) :]
        place.write_bytes(data)
        try:
            found = find_submissions(place, releases, NAMES[0])
        except CourseError as error:
            assert "\n" not in str(error), number
            # Of a damaged table of people nobody can tell whose the folders are.
            assert not listed or "submission_metadata" in str(error), f"{number}: {error}"
            continue
        except Exception as error:
            error.add_note(f"archive {number} of seed {SEED}: {place}")
            raise
        check_found(found)
        assert not listed or len({each.student for each in found}) >= students, number
