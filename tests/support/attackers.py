"""A class of attackers with three honest students in it, and what students get back."""

from __future__ import annotations

import copy
import csv
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tests.attacks import LOOT_MARK, Attack, load_attacks, solved, student_copy
from tests.support.course import COURSE, ROOT

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
