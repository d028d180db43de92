"""nbgrader, otter and the second-process judge give every corpus answer the same score.

Each submission carries one answer to every exercise, so that the whole corpus fits
into a few. Where an answer stands beside a wrong one that it calls, only the graders'
agreement counts; every answer also stands where none hides its score, and gets there what
the corpus says of it alone.
"""

import json
import re
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

    The corpus does not say what becomes of ``open`` ones.
    """

    notebook: NotebookNode
    fails: frozenset[str]
    open: frozenset[str] = frozenset()


def fits(answer: Answer, row: dict[str, Answer]) -> bool:
    """Tell whether every answer in the row that this one calls is right."""
    return all(
        other.right or other is answer or not re.search(rf"\b{exercise}\b", answer.source)
        for exercise, other in row.items()
    )


def rows_of_answers(exercises: list[str], corpus: list[Answer]) -> list[dict[str, Answer]]:
    """Spread a corpus over rows with one answer to each exercise; all fit in one at least."""
    left = {e: [answer for answer in corpus if answer.exercise == e] for e in exercises}
    rows = []
    while any(left.values()):
        row: dict[str, Answer] = {}
        for exercise in exercises:
            spare = [a for a in corpus if a.exercise == exercise and a.right]
            fitting = (a for a in left[exercise] + spare if fits(a, row))
            row[exercise] = next(fitting, spare[0])
            if fits(row[exercise], row):
                left[exercise] = [a for a in left[exercise] if a is not row[exercise]]
        rows.append(row)
    return rows


def mixed_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return submissions that together hold every answer of the corpus."""
    own = {e: {c.name for c in built.master.checks_of(e).values()} for e in built.master.exercises}
    mixed = {}
    for number, row in enumerate(rows_of_answers(built.master.exercises, corpus)):
        fails = {name for e, answer in row.items() for name in set(answer.fails) & own[e]}
        notebook = with_answers(built.student, {e: answer.source for e, answer in row.items()})
        hidden = {name for e, answer in row.items() if not fits(answer, row) for name in own[e]}
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
                f"the corpus {demanded}"
                for grader, points in given.items()
                if points.get(key) != demanded
            ]
    assert not differences, "\n".join(differences)
