"""Otter's side of a notebook: its test files and, by ``otter generate``, its zip."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from autograder.checks import files_of
from autograder.course.config import PACKAGE, Course
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.files import files_below
from autograder.inside import joining

PLUGIN = "autograder.judging.otter_plugin.CourseRules"
# What a grading image needs of the engine, besides the checks and what they share.
CARRIED = ("inside", "judging")
PLAIN = ("__init__.py", "errors.py", "files.py")
HEADER = '''\
"""Checks of {exercise}, for otter-grader. Built by `course build`; do not edit."""

from otter.test_files import test_case

from autograder.judging.stock import judge_here

OK_FORMAT = False
name = "{exercise}"
'''
CASE = """

@test_case(name="{key}", points={points}, hidden={hidden})
def case_{number}(env):
    judge_here("{notebook}", "{key}", env)
"""


def test_file(master: Master, exercise: str) -> str:
    """Return otter's exception-style test file of one exercise; it names the checks."""
    text = HEADER.format(exercise=exercise)
    for number, (key, check) in enumerate(master.checks_of(exercise).items(), 1):
        text += CASE.format(
            key=key,
            points=f"{check.points:g}",
            hidden=check.hidden,
            number=number,
            notebook=master.name,
        )
    return text


def config_text(master: Master) -> str:
    """Return otter_config.json: how otter grades, and what Gradescope shows to students.

    They see the public checks at once, and all results, with the hints of hidden checks, after
    the grades are published.
    """
    exercises = {key: check.exercise for key, check in master.checks_by_id.items()}
    config = {
        "plugins": [{PLUGIN: {"exercises": exercises}}],
        "show_hidden": True,
        "force_public_test_summary": True,
        "show_stdout": False,
    }
    return json.dumps(config, indent=1)


def carried(course: Course, name: str) -> dict[str, Path]:
    """Return the files of the package that a notebook's zip carries, by their names in it.

    That is two rooms as they are, and the checks without those of other notebooks.
    """
    paths = [PACKAGE / plain for plain in PLAIN]
    paths += [path for room in CARRIED for path in files_below(PACKAGE / room)]
    files = {f"autograder/{path.relative_to(PACKAGE).as_posix()}": path for path in paths}
    for folder in (PACKAGE / "checks", course.checks):
        for path in files_of(folder, name):
            files[f"autograder/checks/{path.relative_to(folder).as_posix()}"] = path
    return files


def write(course: Course, master: Master, folder: Path) -> None:
    """Write ``NAME/tests/*.py`` and ``NAME.zip``, which carries all that grading needs.

    Raises:
        CourseError: ``otter generate`` failed.
    """
    tests = folder / master.name / "tests"
    tests.mkdir(parents=True, exist_ok=True)
    for exercise in master.exercises:
        (tests / f"{exercise}.py").write_text(test_file(master, exercise), encoding="utf-8")
    archive = folder / f"{master.name}.zip"
    with tempfile.TemporaryDirectory(prefix="otter-") as place:
        _generate(course, master, tests.resolve(), archive.resolve(), Path(place))
    # Beside run_otter.py, where both otter and the student's kernel import it from.
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as zipped:
        for name, path in carried(course, master.name).items():
            zipped.write(path, name)


def _generate(course: Course, master: Master, tests: Path, archive: Path, place: Path) -> None:
    """Run ``otter generate`` in a folder that holds what goes into the zip."""
    # Two seconds, with pandas, that looking whether anything changed does not need.
    from otter.generate import main as generate

    course.write_helper(place)
    shutil.copytree(course.data, place / "data", ignore=shutil.ignore_patterns("MNIST"))
    (place / "otter_config.json").write_text(config_text(master))
    try:
        with contextlib.chdir(place):
            generate(
                tests_dir=str(tests),
                output_path=str(archive),
                environment=str(course.root / "environment.yml"),
                files=[joining.FILE, "data"],
            )
    except Exception as error:  # whatever otter raises
        raise CourseError(f"otter generate for {master.name} failed: {error}") from None
