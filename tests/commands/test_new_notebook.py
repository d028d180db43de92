"""`course new` overwrites nothing; test_init.py proves what it writes."""

import pytest
from click.testing import CliRunner

from autograder.commands.cli import main
from autograder.commands.new_notebook import new_notebook
from autograder.course.config import load_course
from autograder.errors import CourseError
from tests.support.course import COURSE_TOML

NAME = "10_attention_maps"


def snapshot(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("attention", "number and a topic in small letters, such as 02_attention_maps"),
        ("2_attention", "such as 02_attention_maps, not '2_attention'"),
        ("02_Attention", "such as 02_attention_maps"),
        ("02_attention maps", "such as 02_attention_maps"),
        ("02_attention__maps", "such as 02_attention_maps"),
        ("../02_attention", "such as 02_attention_maps"),
        ("02_2d", "such as 02_attention_maps"),
        ("02_lambda", "'lambda' is a word of Python"),
        ("01_attention", "up to 01; the next one is 02_attention"),
        ("01_mini", "up to 01; the next one is 02_mini"),
        ("02_mini", "mini.py: this file is there already"),
    ],
)
def test_a_name_that_cannot_be_used_changes_nothing(mini, name, message):
    before = snapshot(mini)
    result = CliRunner().invoke(main, ["new", name])
    assert result.exit_code == 2
    assert message in result.stderr.replace("\\", "/")
    assert snapshot(mini) == before


def test_a_file_that_is_there_is_not_overwritten(mini):
    for room in ("tests/answers/waves.py", "solutions/02_waves.py", "notebooks/02_waves.ipynb"):
        path = mini / room
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        before = snapshot(mini)
        with pytest.raises(CourseError, match="this file is there already"):
            new_notebook(load_course(mini), "02_waves")
        assert snapshot(mini) == before
        path.unlink()


@pytest.mark.parametrize("ending", ["", "\n", "\n\n# the end"])
def test_the_entry_goes_to_the_end_of_course_toml(mini, ending):
    (mini / "course.toml").write_text(COURSE_TOML.rstrip() + ending)
    new_notebook(load_course(mini), "07_waves")
    course = load_course(mini)
    assert course.names == ["01_mini", "07_waves"]
    assert course.assignment("07").due is None
    text = (mini / "course.toml").read_text()
    assert text.startswith(COURSE_TOML.rstrip())
    # Two weeks after the last one, to be uncommented.
    (mini / "course.toml").write_text(text.replace("# due", "due"))
    assert f"{load_course(mini).assignment('07').due:%Y-%m-%d %H:%M %Z}" == "2030-02-14 12:00 UTC"
