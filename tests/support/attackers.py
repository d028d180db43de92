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

# One or two at every place where what a student made meets the engine: what compares, the wire, the
# limits, the file system, other processes, the notebook file, the archive, what people open.
# `make test` grades these, `make proof` all.
BOUNDARY = frozenset(
    """
    patched_comparisons patched_run_check replaced_modules jumping_tracer import_finder
    files_beside_the_notebook always_equal lying_tensor nan_everywhere numbers_as_words
    deep_lists fake_outputs edited_checks copied_grade_id skipped_checks results_files
    gradebook_written sockets_flooded late_thread left_behind agent_that_agrees
    agent_with_wrong_forms agent_with_odd_changes several_answers huge_answers patched_codec
    patched_default_device patched_seeds inputs_zeroed_in_place shared_input_spoiled
    input_as_exception input_displayed input_sent_out told_by_a_later_cell
    told_by_value_of_a_number source_on_disk source_in_proc source_in_gradebook
    others_submissions other_programs reason_of_a_failure answers_by_values truth_values
    name_put_together evaluated_text in_a_thread endless_function endless_in_c half_an_answer
    grader_not_heard fork_bomb memory_of_children full_disk exit_in_a_function
    segmentation_fault stopped closed_descriptors question_to_nobody data_deleted
    megabytes_of_message exception_that_talks_for_ever result_that_bites deep_result
    odd_tensors truncated nested_without_end half_characters too_many_cells
    link_to_a_classmate zip_bomb endless_markdown scripts beacons
    """.split()  # noqa: SIM905  # a list of words reads better than of strings
)
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
