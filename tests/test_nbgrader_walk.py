"""The instructor's way with nbgrader: its own commands, and its formgrader in a browser.

The real first notebook goes out through an exchange, comes back from two students, is graded,
and goes back as feedback. Nothing of nbgrader is stood in for.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.answers import load_answers
from autograder.compose import dumps
from autograder.course import load_course
from autograder.demo import MISTAKES
from autograder.master import Master, load_master
from autograder.processes import find_own_tools
from autograder.prove import solutions
from autograder.runner import with_answers
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
NAME = "01_pytorch_basics"
QUESTION = "nn_or_by_hand"
WRITTEN = "They start in different places and end in the one minimum of a convex loss."
COMMENT = "Half a point more for a number from the notebook."
LOCAL = """
c.Exchange.root = {exchange!r}
c.Exchange.cache = {cache!r}
"""


@dataclass
class Walk:
    """The places of a course on its way, and what was seen there.

    Attributes:
        place: nbgrader's course directory.
        home: where the students have their folders.
        master: of the notebook.
        scores: by student, and id of check or question, right after ``nbgrader autograde``.
        release: the text of the released notebook.
    """

    place: Path
    home: Path
    master: Master
    release: str = ""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    unmarked: dict[str, set[str]] = field(default_factory=dict)

    def nbgrader(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run a command of nbgrader in the course directory; return what it says."""
        return run("nbgrader", *arguments, cwd=cwd or self.place)

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.place / 'gradebook.db'}")


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def answers(master: Master) -> dict[str, dict[str, str]]:
    """Return what the students type: ada's is right, dana's has the commonest mistake."""
    words = dict.fromkeys(master.written, WRITTEN)
    right = solutions(master) | words
    mistake = next(a for a in load_answers(NAME) if a.name == MISTAKES["dana"])
    return {"ada": right, "dana": right | {mistake.exercise: mistake.source}}


def failures() -> set[str]:
    """Return the names of the checks that dana must fail."""
    return set(next(a for a in load_answers(NAME) if a.name == MISTAKES["dana"]).fails)


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Walk:
    """The course built by `course build` in a new place, and the notebook in the exchange."""
    find_own_tools()
    root = tmp_path_factory.mktemp("course")
    for name in ("autograder", "solutions", "data", "tests", "environment.yml", "course.toml"):
        (root / name).symlink_to(ROOT / name)
    (root / "notebooks").mkdir()
    command = "from autograder.cli import main; main()"
    run(sys.executable, "-c", command, "build", NAME, cwd=root)
    place = root / "build" / "nbgrader"
    (root / "exchange").mkdir()
    (root / "exchange").chmod(0o777)
    local = LOCAL.format(exchange=str(root / "exchange"), cache=str(root / "cache"))
    (place / "nbgrader_config_local.py").write_text(local)
    walk = Walk(place, root / "students", load_master(load_course(ROOT), NAME))
    walk.nbgrader("generate_assignment", NAME, "--force")
    walk.nbgrader("release_assignment", NAME)
    return walk


@pytest.fixture(scope="module")
def collected(released) -> Walk:
    """What two students fetched, filled in and handed in is collected."""
    walk = released
    course_id = re.search(r"course_id = '(\w+)'", (walk.place / "nbgrader_config.py").read_text())[
        1
    ]
    local = (walk.place / "nbgrader_config_local.py").read_text()
    for student, typed in answers(walk.master).items():
        folder = walk.home / student
        folder.mkdir(parents=True)
        config = f"c = get_config()\nc.CourseDirectory.course_id = {course_id!r}\n{local}"
        (folder / "nbgrader_config.py").write_text(config)
        walk.nbgrader("fetch_assignment", NAME, cwd=folder)
        path = folder / NAME / f"{NAME}.ipynb"
        walk.release = path.read_text(encoding="utf-8")
        notebook = with_answers(nbformat.reads(walk.release, as_version=4), typed)
        path.write_text(dumps(notebook), encoding="utf-8")
        walk.nbgrader("submit", NAME, "--student", student, cwd=folder)
    walk.nbgrader("collect", NAME)
    return walk


@pytest.fixture(scope="module")
def autograded(collected) -> Walk:
    """The submissions are graded by ``nbgrader autograde``."""
    walk = collected
    walk.nbgrader("autograde", NAME)
    with walk.gradebook() as gradebook:
        for student in ("ada", "dana"):
            grades = gradebook.find_submission_notebook(NAME, NAME, student).grades
            walk.scores[student] = {grade.name: grade.score for grade in grades}
            walk.unmarked[student] = {grade.name for grade in grades if grade.needs_manual_grade}
    return walk


def test_release_shows_no_secret_and_is_what_students_fetch(collected):
    assert collected.release == (ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8")
    for secret in ("BEGIN SOLUTION", "BEGIN RUBRIC", "judge_here", "names the initialisation"):
        assert secret not in collected.release
        assert secret in (collected.place / "source" / NAME / f"{NAME}.ipynb").read_text()


def test_collect_finds_what_was_handed_in(collected):
    for student in ("ada", "dana"):
        folder = collected.place / "submitted" / student / NAME
        assert WRITTEN in (folder / f"{NAME}.ipynb").read_text(encoding="utf-8")
        assert (folder / "timestamp.txt").is_file()


def test_autograde_gives_the_documented_scores_and_asks_for_the_written_answers(autograded):
    checks = autograded.master.checks_by_id
    wanted = failures()
    assert wanted
    for student, fails in (("ada", set()), ("dana", wanted)):
        scores = autograded.scores[student]
        assert {checks[key].name for key in checks if scores[key] < checks[key].points} == fails
        assert autograded.unmarked[student] == set(autograded.master.written)
