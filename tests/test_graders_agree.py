"""nbgrader, otter and the second-process judge give every corpus answer the same score.

Each submission carries one answer to every exercise, so that the whole corpus fits
into a few. The test compares check by check, and with what the corpus says of each
answer alone, except where that says that a mistake also fails checks of a later exercise.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode

from autograder.answers import Answer, load_answers
from autograder.build import Built
from autograder.compose import dumps
from autograder.course import Course, load_course
from autograder.grade import autograde, open_api, prepare, read_rows
from autograder.master import Master
from autograder.otter_tests import write as write_otter
from autograder.processes import find_own_tools
from autograder.runner import run_submission, with_answers
from autograder.warm_kernels import warm_kernels
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

    ``open`` are checks that may fail or pass: another exercise's answer decides.
    """

    notebook: NotebookNode
    fails: frozenset[str]
    open: frozenset[str] = frozenset()


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
        others = {name for answer in chosen for name in set(answer.fails) - own[answer.exercise]}
        notebook = with_answers(built.student, {a.exercise: a.source for a in chosen})
        mixed[f"mixed{row:02}"] = Mixed(notebook, frozenset(fails), frozenset(others - fails))
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
    """Return the points by student and check name that ``nbgrader autograde`` gives."""
    prepare(course, master, out)
    api = open_api(out)
    for student, path in paths.items():
        autograde(api, master.name, student, path, out)
    points: dict[str, dict[str, float]] = {student: {} for student in paths}
    for row in read_rows(master, out, list(paths), {}):
        points[row.student][row.check] = row.points
    return points


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
        by_name = by_nbgrader[student]
        verdicts = run_submission(submission.notebook, checks)
        given = {
            "nbgrader": {key: by_name[check.name] for key, check in checks.items()},
            "otter": by_otter[student],
            "second process": {k: c.points * verdicts[k].passed for k, c in checks.items()},
        }
        for key, check in checks.items():
            demanded = 0.0 if check.name in submission.fails else check.points
            if check.name in submission.open:
                demanded = given["second process"][key]
            differences += [
                f"{student}: {grader} gives {points.get(key)} for {key} ({check.name}), "
                f"not {demanded}"
                for grader, points in given.items()
                if points.get(key) != demanded
            ]
    assert not differences, "\n".join(differences)
