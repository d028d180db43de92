"""nbgrader and otter give answers of the corpus the score that the corpus says.

So they agree with the judge in a second process, of which `course prove` shows the same of every
answer. `make test` has them see every check fail and pass, `make proof` every answer.

Each submission carries one answer to every exercise, so that a corpus fits into a few. Where an
answer stands beside a wrong one that it calls, only the graders' agreement counts; every answer
also stands where none hides its score, and gets there what the corpus says of it alone. Agreement
alone counts, too, for a check that uses two exercises, one of them answered wrongly.
"""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.building.otter_zip import write as write_otter
from autograder.course.compose import dumps, source_notebook
from autograder.course.config import Course, load_course
from autograder.course.master import Master
from autograder.judging.sandbox.kernels import warm_kernels
from autograder.processes import find_own_tools
from autograder.results.gradebook.course_directory import (
    generate_release,
    open_api,
    reason,
    write_config,
)
from tests.support.course import ROOT, answers_of
from tests.support.proof import telling_answers
from tests.support.remembered import notebook_key
from tests.support.submissions import mixed_submissions, rough_submissions

pytestmark = pytest.mark.slow
NAMES = load_course(ROOT).names

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
    course.write_helper(out / "source" / name)
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
def test_every_grader_gives_the_same_points(course, built, name, tmp_path, once):
    once(notebook_key(name))
    find_own_tools()
    master = built[name].master
    checks = master.checks_by_id
    corpus = telling_answers(master, answers_of(name))
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
