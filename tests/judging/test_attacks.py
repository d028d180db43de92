"""`course grade` gives every hostile submission what it is worth, and nobody else less."""

import copy
import csv
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from autograder.judging.sandbox import fork_client
from tests.attacks import FAMILIES, LOOT_MARK, Attack, load_attacks, solved, student_copy
from tests.conftest import COURSE, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.SUPPORTED, reason="there is no fork server here"),
]
ATTACKS = {f"{a.family}-{a.name}".replace("_", "-"): a for a in load_attacks()}
NOTEBOOK = "01_pytorch_basics"
# Before, between and after the attackers, in the order of grading.
CLASSMATES = ("aa-honest", "forging-m-honest", "zz-honest")


@dataclass(frozen=True)
class Graded:
    """What `course grade` gave.

    Attributes:
        out: its results.
        points: of the checks, by student.
        rows: how many rows of grades.csv each student has.
        said: what it printed.
    """

    out: Path
    points: dict[str, float]
    rows: dict[str, int]
    said: str


def grade_all(place: Path, attacks: dict[str, Attack]) -> Graded:
    """Grade a class of attackers and three honest students in one run of ``course grade``."""
    for student, attack in attacks.items():
        attack.write(place / "class" / student / attack.notebook)
    text = nbformat.writes(solved(copy.deepcopy(student_copy(NOTEBOOK)), NOTEBOOK))
    for student in CLASSMATES:
        folder = place / "class" / student / NOTEBOOK
        folder.mkdir(parents=True)
        (folder / f"{NOTEBOOK}.ipynb").write_text(text)
    command = [*COURSE, "grade", str(place / "class"), "--out", str(place / "results")]
    done = subprocess.run(
        [*command, "--gradescope"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    points: dict[str, float] = defaultdict(float)
    rows: dict[str, int] = defaultdict(int)
    with (place / "results" / "grades.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["student"]] += 1
            if row["check"] != "written answer":
                points[row["student"]] += float(row["points"])
    return Graded(place / "results", points, rows, done.stdout + done.stderr)


def test_there_are_attacks_of_every_family():
    assert {attack.family for attack in ATTACKS.values()} == set(FAMILIES)
    assert len(ATTACKS) >= 40


@pytest.mark.timeout(2400)
def test_every_attack_gets_what_it_is_worth_and_costs_nobody_else(tmp_path):
    """One test, so that no second worker grades the class again."""
    graded = grade_all(tmp_path, ATTACKS)
    assert len(files_for_students(graded.out)) > len(ATTACKS)
    honest = {name: a.honest for name, a in ATTACKS.items()}
    given = {name: graded.points.get(name, 0) for name in ATTACKS}
    problems = {
        "given, not honest": {n: (given[n], honest[n]) for n in ATTACKS if given[n] != honest[n]},
        "without a row": sorted((ATTACKS.keys() | set(CLASSMATES)) - graded.rows.keys()),
        "classmates": {n: graded.points[n] for n in CLASSMATES if graded.points[n] != 56},
        "leaks": leaks_in(graded.out),
    }
    assert {what: found for what, found in problems.items() if found} == {}


def files_for_students(out: Path) -> list[Path]:
    """Return what students get to see of the results, and the tables that tell them."""
    pages = [*out.glob("*.csv")]
    for kind in ("feedback", "gradescope"):
        pages += [path for path in (out / kind).rglob("*") if path.is_file()]
    return pages


def leaks_in(out: Path) -> list[str]:
    """Return the files for students that tell what a submission learnt while it was graded."""
    pages = files_for_students(out)
    told = [p for p in pages if LOOT_MARK in p.read_text(encoding="utf-8", errors="replace")]
    return [str(path.relative_to(out)) for path in told]
