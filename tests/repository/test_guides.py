"""The guides name only options that exist, and the worked example is what is written."""

import inspect
import re

import pytest

from autograder.checks.shared import makers
from autograder.commands.cli import main
from tests.support.course import ROOT


@pytest.mark.parametrize("name", ["grading", "instructors", "tas"])
def test_an_option_in_a_sentence_exists(name):
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    options = {
        o for command in main.commands.values() for each in command.params for o in each.opts
    }
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert named and named <= options


def test_the_example_of_the_authors_guide_is_what_course_new_writes():
    text = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    templates = ROOT / "autograder" / "commands" / "templates"
    written = "".join(path.read_text(encoding="utf-8") for path in templates.glob("*.j2"))
    written = written.replace("{{ number }}", "10").replace("{{ seed }}", "10")
    for line in (
        "return values.unfold(0, width, 1).mean(dim=1)",
        "values = numbers(12, seed=1001)",
        "By what is the sum of a window divided?",
        "sums = torch.cat([values.new_zeros(1), values.cumsum(dim=0)])",
        "return values.unfold(0, width, 1).sum(dim=1) / 2",
        "average_divides_by_two",
        'average_by_sums.slips("""',
        "average_misses_the_first_value: averages_pairs takes_any_width keeps_double_precision",
        "  + sums[1 : 1 - width]",
    ):
        assert line in text and line in written


def test_the_makers_that_the_authors_guide_names_exist():
    text = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(keeps_\w+|leaves_alone|raises|written_by_hand)\(", text))
    named |= set(re.findall(r"`(keeps_\w+|raises|written_by_hand)`", text))
    made = {
        name
        for name, value in vars(makers).items()
        if inspect.isfunction(value) and value.__module__ == makers.__name__
    }
    assert named == {name for name in made if not name.startswith("_")} - {"hidden"}
