"""The guides name only commands, options, and files that exist."""

import re
import shlex

import pytest

from autograder.cli import main
from tests.conftest import ROOT

GUIDES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_there_are_guides():
    assert {"authors.md", "tas.md"} <= set(GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_every_command_exists_with_its_options(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    lines = re.findall(r"^    (course .+?)(?:\s+#.*)?$", text, re.MULTILINE)
    inline = re.findall(r"`(course [^`]+)`", text)
    assert lines + inline
    for line in lines + inline:
        _, *words = shlex.split(line)
        assert words[0] in main.commands, line
        known = {option for each in main.commands[words[0]].params for option in each.opts}
        given = {word for word in words if word.startswith("--")}
        assert given <= known, line


@pytest.mark.parametrize("name", ["authors.md", "tas.md"])
def test_every_option_and_source_file_exists(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    options = {
        o for command in main.commands.values() for each in command.params for o in each.opts
    }
    assert set(re.findall(r"`(--[a-z-]+)`", text)) <= options
    for place in re.findall(r"`((?:autograder|tests|solutions|data)/[a-z_/]*(?:\.py)?)`", text):
        if "topic" not in place:
            assert (ROOT / place).exists(), place


def test_the_example_of_the_authors_guide_is_what_course_new_writes():
    text = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    templates = ROOT / "autograder" / "templates"
    written = "".join(path.read_text(encoding="utf-8") for path in templates.glob("*.j2"))
    written = written.replace("{{ number }}", "10")
    for line in (
        "return values.unfold(0, width, 1).mean(dim=1)",
        "values = numbers(12, seed=1001)",
        "By what is the sum of a window divided?",
        "sums = torch.cat([values.new_zeros(1), values.cumsum(dim=0)])",
        "return values.unfold(0, width, 1).sum(dim=1) / 2",
        "average_divides_by_two",
    ):
        assert line in text and line in written
