"""The zip for Gradescope is unpacked and run as Gradescope's harness does it.

The harness (https://gradescope-autograders.readthedocs.io) makes an image in which the zip lies
in /autograder/source, runs its setup.sh once, copies run_autograder to /autograder, and then for
each submission puts the files into /autograder/submission and runs /autograder/run_autograder,
which leaves /autograder/results/results.json.

Here the same layout lies under a temporary root: in the copies of run_autograder and
run_otter.py the text /autograder is replaced by it. setup.sh is not run. It installs a conda
environment from the zip's environment.yml, gigabytes from the network; this Python, in which the
same packages are installed, stands in for it, and a `mamba` that does nothing but look at the
environment's name.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml
from rich.console import Console

from autograder.building.otter_zip import write
from autograder.commands.demo import mistakes_of
from autograder.commands.grade import Settings, grade
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.compose import dumps
from tests.support.course import answers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
NAME = "01_pytorch_basics"
STUDENTS = ("right", "wrong", "untouched")

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
# "Output format" of Gradescope's autograder specifications. They forbid no other key; a key that
# they do not name would do nothing there. otter's list of public checks has no score of its own.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"contains": {"required": ["score"]}}}},
    ],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
        "leaderboard": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {
                    "name": {"type": "string"},
                    "value": {"type": ["number", "string"]},
                    "order": {"enum": ["asc", "desc"]},
                },
            },
        },
    },
}
METADATA = {
    "id": 123456,
    "created_at": "2027-02-10T14:22:32.365935-07:00",
    "assignment": {
        "due_date": "2027-02-12T23:59:00.000000-07:00",
        "group_size": None,
        "group_submission": False,
        "id": 25828,
        "course_id": 1234,
        "late_due_date": None,
        "release_date": "2027-01-31T00:00:00.000000-07:00",
        "title": "PyTorch basics",
        "total_points": "42.0",
    },
    "submission_method": "upload",
    "users": [{"email": "student@example.com", "id": 1234, "name": "A Student"}],
    "previous_submissions": [],
}
MAMBA = """\
#!/bin/bash
# Stands in for the mamba that setup.sh installs.
if [ "$1" = activate ]; then echo "activated $2"; fi
"""


class Image:
    """What Gradescope keeps of an autograder, under a temporary root instead of /.

    Args:
        root: an empty folder.
        archive: the zip.
    """

    def __init__(self, root: Path, archive: Path) -> None:
        self.root, self.home = root, root / "autograder"
        self.source = self.home / "source"
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(self.source)
        for name in ("run_autograder", "run_otter.py"):
            path = self.source / name
            text = path.read_text()
            assert "/autograder" in text
            path.write_text(text.replace("/autograder", str(self.home)))
        shutil.copy(self.source / "run_autograder", self.home)
        (self.home / "run_autograder").chmod(0o755)
        programs = root / "bin"
        programs.mkdir()
        (programs / "mamba").write_text(MAMBA)
        (programs / "mamba").chmod(0o755)
        own = Path(sys.executable).parent
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": os.pathsep.join([str(programs), str(own), os.environ["PATH"]]),
        }

    def run(self, submission: str) -> tuple[dict, str]:
        """Grade a notebook; return results.json and what run_autograder printed."""
        for name in ("submission", "results"):
            shutil.rmtree(self.home / name, ignore_errors=True)
            (self.home / name).mkdir()
        (self.home / "submission" / f"{NAME}.ipynb").write_text(submission, encoding="utf-8")
        (self.home / "submission_metadata.json").write_text(json.dumps(METADATA))
        done = subprocess.run(
            [str(self.home / "run_autograder")],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        results = (self.home / "results" / "results.json").read_text(encoding="utf-8")
        return json.loads(results), done.stdout


@pytest.fixture(scope="module")
def image(course, built, tmp_path_factory) -> Image:
    """The image made of the zip that `course build` writes."""
    place = tmp_path_factory.mktemp("gradescope")
    write(course, built[NAME].master, place / "otter")
    return Image(place / "root", place / "otter" / f"{NAME}.zip")


@pytest.fixture(scope="module")
def submissions(built) -> dict[str, str]:
    """The texts of a right notebook, one with a common mistake, and the untouched one."""
    right = solutions(built[NAME].master)
    mistake = mistakes_of(answers_of(NAME))["dana"]
    student = built[NAME].student
    return {
        "right": dumps(with_answers(student, right)),
        "wrong": dumps(with_answers(student, right | {mistake.exercise: mistake.source})),
        "untouched": dumps(student),
    }


@pytest.fixture(scope="module")
def by_gradescope(image, submissions) -> dict[str, tuple[dict, str]]:
    """What the image gives for each submission."""
    return {student: image.run(submissions[student]) for student in STUDENTS}


@pytest.fixture(scope="module")
def by_course(course, submissions, tmp_path_factory) -> dict[str, Counter]:
    """The points by exercise that `course grade` gives to each of the same files."""
    place = tmp_path_factory.mktemp("class")
    for student, text in submissions.items():
        path = place / "submissions" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    settings = Settings(workers=1, feedback=False)
    console = Console(quiet=True)
    rows = grade(course, [NAME], place / "submissions", place / "out", console, settings)
    points: dict[str, Counter] = {student: Counter() for student in STUDENTS}
    for row in rows:
        if row.check != "written answer":
            points[row.student][row.exercise] += row.points
    return points


def test_the_image_has_what_the_harness_and_its_setup_ask_for(image):
    assert (image.source / "run_autograder").read_text().startswith("#!/bin/bash")
    environment = yaml.safe_load((image.source / "environment.yml").read_text())
    setup = (image.source / "setup.sh").read_text()
    assert "mamba env create -f /autograder/source/environment.yml" in setup
    script = (image.home / "run_autograder").read_text()
    assert re.search(r"^mamba activate (\S+)$", script, re.MULTILINE)[1] == environment["name"]


def test_run_autograder_activates_the_environment_and_says_so(by_gradescope):
    for _, printed in by_gradescope.values():
        assert printed.startswith("activated otter-env\n")


@pytest.mark.parametrize("student", STUDENTS)
def test_results_fit_the_documented_schema(by_gradescope, student):
    jsonschema.validate(by_gradescope[student][0], SCHEMA)


def test_the_schema_refuses_what_gradescope_does_not_know(by_gradescope):
    for broken in (
        {"tests": []},
        {"tests": [{"name": "no score anywhere"}]},
        {"score": "12"},
        {"score": 1, "visibility": "shown"},
        {"score": 1, "tests": [{"score": 1, "max": 2}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


@pytest.mark.parametrize("student", STUDENTS)
def test_scores_are_those_of_course_grade(by_gradescope, by_course, built, student):
    master = built[NAME].master
    scored = [test for test in by_gradescope[student][0]["tests"] if "score" in test]
    assert {test["name"]: test["score"] for test in scored} == by_course[student]
    for test in scored:
        checks = master.checks_of(test["name"]).values()
        assert test["max_score"] == sum(check.points for check in checks)
    assert sum(test["max_score"] for test in scored) == master.points
    total = sum(test["score"] for test in scored)
    assert total == {"right": master.points, "untouched": 0}.get(student, total)
    assert student != "wrong" or 0 < total < master.points


@pytest.mark.parametrize("student", STUDENTS)
def test_students_see_public_checks_now_and_hidden_ones_after_publication(by_gradescope, student):
    results, _ = by_gradescope[student]
    public, *others = results["tests"]
    assert (public["name"], public["visibility"]) == ("Public Tests", "visible")
    assert {test["visibility"] for test in others} == {"after_published"}
    assert ("one_hot-public-1 result" in public["output"]) == (student == "untouched")
    assert public["status"] == ("failed" if student == "untouched" else "passed")
    assert "-hidden-" not in public["output"] and "score" not in results


@pytest.mark.parametrize("student", STUDENTS)
def test_no_output_holds_the_name_or_the_source_of_a_hidden_check(by_gradescope, built, student):
    shown = json.dumps(by_gradescope[student][0])
    hidden = [check for check in built[NAME].master.checks if check.hidden]
    assert hidden
    for check in hidden:
        assert check.name not in shown
        assert not [line for line in check.source.splitlines() if len(line) > 30 and line in shown]
