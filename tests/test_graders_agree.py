"""nbgrader, otter and the second-process judge give every corpus answer the same score.

Each submission carries one answer to every exercise, so that the whole corpus fits
into a few. No answer uses another exercise, so none can hide another's score: the
test compares check by check, and with what the corpus says of each answer alone.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode
from rich.console import Console

from autograder.answers import Answer, load_answers
from autograder.build import Built
from autograder.compose import dumps
from autograder.course import load_course
from autograder.grade import grade
from autograder.otter_tests import write as write_otter
from autograder.processes import find_own_tools
from autograder.runner import run_submission, with_answers
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
NAMES = load_course(ROOT).names
OTTER_SECONDS = 300

LOOP = "def {name}(*anything):\n    while True:\n        pass\n"
EXIT = "def {name}(*anything):\n    import sys\n\n    sys.exit()\n"
STDERR = "import sys\n\nprint('noise', file=sys.stderr)\n\n"
LATER = "{name} = None  # the name is used for something else after its checks\n"


@dataclass(frozen=True)
class Mixed:
    """A submission made of answers, and the checks that the corpus says it fails."""

    notebook: NotebookNode
    fails: frozenset[str]


def mixed_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return submissions that together hold every answer of the corpus."""
    exercises = built.master.exercises
    by_exercise = {e: [a for a in corpus if a.exercise == e] for e in exercises}
    rows = max(len(answers) for answers in by_exercise.values())
    mixed = {}
    for row in range(rows):
        chosen = [answers[row % len(answers)] for answers in by_exercise.values()]
        own = {e: {c.name for c in built.master.checks_of(e).values()} for e in exercises}
        fails = {name for answer in chosen for name in set(answer.fails) & own[answer.exercise]}
        notebook = with_answers(built.student, {a.exercise: a.source for a in chosen})
        mixed[f"mixed{row:02}"] = Mixed(notebook, frozenset(fails))
    return mixed | rough_submissions(built, by_exercise)


def rough_submissions(built: Built, by_exercise: dict[str, list[Answer]]) -> dict[str, Mixed]:
    """Return what goes wrong around right answers: loops, exits, noise, names used again."""
    rights = {e: next(a for a in answers if a.right) for e, answers in by_exercise.items()}
    sources = {exercise: answer.source for exercise, answer in rights.items()}
    first, second = built.master.exercises[:2]
    of_first = frozenset(check.name for check in built.master.checks_of(first).values())
    looping = with_answers(built.student, sources | {first: LOOP.format(name=first)})
    exiting = with_answers(built.student, sources | {first: EXIT.format(name=first)})
    noisy = with_answers(built.student, {e: STDERR + source for e, source in sources.items()})
    again = with_answers(built.student, sources | {second: sources[second]})
    place = next(i for i, cell in enumerate(again.cells) if cell.id == second)
    again.cells[place].source = LATER.format(name=first) + again.cells[place].source
    return {
        "untouched": Mixed(built.student, frozenset(c.name for c in built.master.checks)),
        "looping": Mixed(looping, of_first),
        "exiting": Mixed(exiting, of_first),
        "noisy": Mixed(noisy, frozenset()),
        "again": Mixed(again, frozenset()),
    }


def otter_points(submission: Path, archive: Path, out: Path) -> dict[str, float]:
    """Return the points by check id that ``otter run`` gives."""
    out.mkdir()
    subprocess.run(
        [
            *(sys.executable, "-m", "otter", "run", str(submission)),
            *("-a", str(archive), "-o", str(out), "--no-logo"),
        ],
        check=True,
        timeout=OTTER_SECONDS,
        capture_output=True,
        cwd=out,
    )
    results = json.loads((out / "results.json").read_text())
    return {test["name"]: test["score"] for test in results["tests"] if "score" in test}


@pytest.mark.parametrize("name", NAMES)
def test_every_grader_gives_the_same_points(course, built, name, tmp_path):
    find_own_tools()
    master = built[name].master
    submissions = mixed_submissions(built[name], load_answers(name))
    for student, mixed in submissions.items():
        place = tmp_path / "submissions" / student
        place.mkdir(parents=True)
        (place / f"{name}.ipynb").write_text(dumps(mixed.notebook), encoding="utf-8")
    checks = master.checks_by_id
    write_otter(course, master, tmp_path / "otter")
    rows = grade(course, name, tmp_path / "submissions", tmp_path / "out", Console(quiet=True))
    differences = []
    for student, mixed in submissions.items():
        demanded = {k: 0.0 if c.name in mixed.fails else c.points for k, c in checks.items()}
        by_name = {row.check: row.points for row in rows if row.student == student}
        verdicts = run_submission(mixed.notebook, checks)
        given = {
            "nbgrader": {key: by_name[check.name] for key, check in checks.items()},
            "otter": otter_points(
                tmp_path / "submissions" / student / f"{name}.ipynb",
                tmp_path / "otter" / f"{name}.zip",
                tmp_path / f"otter-{student}",
            ),
            "second process": {
                key: check.points * verdicts[key].passed for key, check in checks.items()
            },
        }
        for grader, points in given.items():
            differences += [
                f"{student}: {grader} gives {points.get(key)} of {checks[key].points} for {key} "
                f"({checks[key].name}); the corpus says {demanded[key]}"
                for key in checks
                if points.get(key) != demanded[key]
            ]
    assert not differences, "\n".join(differences)
