"""nbgrader and otter give every corpus answer the score that the corpus says.

So they agree with the judge in a second process, of which `course prove` shows the same.

Each submission carries one answer to every exercise, so that the whole corpus fits
into a few. Where an answer stands beside a wrong one that it calls, only the graders'
agreement counts; every answer also stands where none hides its score, and gets there what
the corpus says of it alone. Agreement alone counts, too, for a check that uses two
exercises, one of them answered wrongly.
"""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograder.building.otter_zip import write as write_otter
from autograder.course.cells import with_answers
from autograder.course.compose import Built, dumps, source_notebook
from autograder.course.config import Course, load_course
from autograder.course.corpus import Answer, load_answers
from autograder.course.master import Master
from autograder.judging.sandbox.kernels import warm_kernels
from autograder.processes import find_own_tools
from autograder.results.gradebook.course_directory import (
    generate_release,
    open_api,
    reason,
    write_config,
)
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
NAMES = load_course(ROOT).names

LOOP = "def {name}(*anything):\n    while True:\n        pass\n"
EXIT = "def {name}(*anything):\n    import sys\n\n    sys.exit()\n"
STDERR = "import sys\n\nprint('noise', file=sys.stderr)\n\n"
LATER = "{name} = None  # the name is used for something else after its checks\n"


@dataclass(frozen=True)
class Mixed:
    """A submission made of answers, and the checks that the corpus says it fails.

    The corpus does not say what becomes of ``open`` ones.
    """

    notebook: NotebookNode
    fails: frozenset[str]
    open: frozenset[str] = frozenset()


def hidden_by(answer: Answer, other: Answer) -> bool:
    """Tell whether an answer calls another exercise, the answer to which is wrong."""
    calls = re.search(rf"(?<![.\w]){other.exercise}\b", answer.source)
    return other is not answer and not other.right and calls is not None


def rows_of_answers(exercises: list[str], corpus: list[Answer]) -> list[dict[str, Answer]]:
    """Spread a corpus over rows with one answer to each exercise, each in a row that hides none."""
    left = {e: [answer for answer in corpus if answer.exercise == e] for e in exercises}
    rows = []
    while any(left.values()):
        row: dict[str, Answer] = {}
        for exercise in sorted(exercises, key=lambda e: -len(left[e])):
            spare = [a for a in corpus if a.exercise == exercise and a.right]
            beside = row.values()
            fitting = (
                a
                for a in left[exercise] + spare
                if not any(hidden_by(a, other) or hidden_by(other, a) for other in beside)
            )
            row[exercise] = next(fitting, spare[0])
        for answers in left.values():
            answers[:] = [a for a in answers if a is not row[a.exercise] or is_hidden(a, row)]
        rows.append(row)
    return rows


def is_hidden(answer: Answer, row: dict[str, Answer]) -> bool:
    """Tell whether another answer in the row can hide the score of this one."""
    return any(hidden_by(answer, other) for other in row.values())


def mixed_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return submissions that together hold every answer of the corpus."""
    own = {e: {c.name for c in built.master.checks_of(e).values()} for e in built.master.exercises}
    mixed = {}
    for number, row in enumerate(rows_of_answers(built.master.exercises, corpus)):
        fails = {name for e, answer in row.items() for name in set(answer.fails) & own[e]}
        notebook = with_answers(built.student, {e: answer.source for e, answer in row.items()})
        hidden = {name for e, answer in row.items() if is_hidden(answer, row) for name in own[e]}
        doubtful = {e for e, answer in row.items() if not answer.right or is_hidden(answer, row)}
        hidden |= {
            check.name
            for check in built.master.checks
            if doubtful & set(check.parameters) - {check.exercise}
        }
        mixed[f"mixed{number:02}"] = Mixed(notebook, frozenset(fails), frozenset(hidden))
    everything = frozenset(c.name for c in built.master.checks)
    return mixed | {"untouched": Mixed(built.student, everything)}


def rough_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return what goes wrong around right answers: loops, exits, noise, names used again."""
    sources = {a.exercise: a.source for a in reversed(corpus) if a.right}
    first, second = built.master.exercises[:2]
    of_first = frozenset(check.name for check in built.master.checks_of(first).values())
    looping = with_answers(built.student, sources | {first: LOOP.format(name=first)})
    exiting = with_answers(built.student, sources | {first: EXIT.format(name=first)})
    noisy = with_answers(built.student, {e: STDERR + source for e, source in sources.items()})
    again = with_answers(built.student, sources | {second: sources[second]})
    place = next(i for i, cell in enumerate(again.cells) if cell.id == second)
    again.cells[place].source = LATER.format(name=first) + again.cells[place].source
    return {
        "looping": Mixed(looping, of_first),
        "exiting": Mixed(exiting, of_first),
        "noisy": Mixed(noisy, frozenset()),
        "again": Mixed(again, frozenset()),
    }


OTTER_LOOP = """
import json, sys
from pathlib import Path
from otter.run import main

archive, out, *submissions = sys.argv[1:]
for submission in submissions:
    student = Path(submission).parent.name
    results = main(submission, autograder=archive, output_dir=None, no_logo=True)
    points = {
        result.test_case.name: result.test_case.points * result.passed
        for file in results.results.values()
        for result in file.test_case_results
    }
    Path(out, f"{student}.json").write_text(json.dumps(points))
"""


def otter_points(submissions: list[Path], archive: Path, out: Path) -> dict[str, dict[str, float]]:
    """Return the points by student and check id that otter's ``run`` gives, in one process."""
    out.mkdir()
    command = [sys.executable, "-c", OTTER_LOOP, str(archive), str(out), *map(str, submissions)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}


def nbgrader_points(
    course: Course, master: Master, paths: dict[str, Path], out: Path
) -> dict[str, dict[str, float]]:
    """Return the points by student and check id that ``nbgrader autograde`` gives."""
    name = master.name
    write_config(course, out)
    (out / "source" / name).mkdir(parents=True)
    shutil.copy(course.helper, out / "source" / name)
    source = dumps(source_notebook(course, master))
    (out / "source" / name / f"{name}.ipynb").write_text(source, encoding="utf-8")
    generate_release(course, name, out)
    api = open_api(out)
    for student, path in paths.items():
        place = out / "submitted" / student / name
        place.mkdir(parents=True)
        shutil.copy(path, place)
        result = api.autograde(name, student, force=True)
        assert result["success"], f"{student}: {reason(result)}"
    points = {}
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        for student in paths:
            grades = gradebook.find_submission_notebook(name, name, student).grades
            points[student] = {grade.name: grade.score for grade in grades}
    return points


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_every_grader_gives_the_same_points(course, built, name, tmp_path):
    find_own_tools()
    master = built[name].master
    checks = master.checks_by_id
    corpus = load_answers(name)
    mixed = mixed_submissions(built[name], corpus)
    if name == NAMES[0]:  # how graders bear these does not depend on the notebook
        mixed |= rough_submissions(built[name], corpus)
    paths = {s: tmp_path / "submissions" / s / f"{name}.ipynb" for s in mixed}
    for student, path in paths.items():
        path.parent.mkdir(parents=True)
        path.write_text(dumps(mixed[student].notebook), encoding="utf-8")
    write_otter(course, master, tmp_path / "otter")
    archive = tmp_path / "otter" / f"{name}.zip"
    with warm_kernels(), ThreadPoolExecutor(1) as thread:
        otter = thread.submit(otter_points, list(paths.values()), archive, tmp_path / "points")
        by_nbgrader = nbgrader_points(course, master, paths, tmp_path / "out")
        by_otter = otter.result()
    differences = []
    for student, submission in mixed.items():
        for key, check in checks.items():
            given = {"nbgrader": by_nbgrader[student][key], "otter": by_otter[student].get(key)}
            demanded = 0.0 if check.name in submission.fails else check.points
            if check.name in submission.open:
                demanded = given["nbgrader"]
            differences += [
                f"{student}: {grader} gives {points} for {key} ({check.name}), not {demanded}"
                for grader, points in given.items()
                if points != demanded
            ]
    assert not differences, "\n".join(differences)
