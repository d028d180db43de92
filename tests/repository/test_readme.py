"""README.md and the guides name commands, options, files and figures that are there."""

import re
import shlex

import pytest

from autograder.commands.cli import main
from tests.attacks import load_attacks
from tests.support.course import ROOT, answers_of
from tests.support.proof import ALL_MUTANTS

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
IN_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """Return the `course` commands of a page, in blocks and in sentences."""
    text = text_of(page)
    blocks = re.findall(r"^    (course .+?)(?:\s+#.*)?$", text, re.MULTILINE)
    return blocks + [" ".join(code.split()) for code in re.findall(r"`(course [^`]+)`", text)]


@pytest.mark.parametrize(("page", "line"), [(p, c) for p in PAGES for c in commands(p)])
def test_a_command_exists_with_its_options(page, line):
    _, name, *words = shlex.split(line)
    assert name in main.commands, f"{page}: there is no `course {name}`"
    parameters = main.commands[name].params
    known = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES)
def test_a_relative_link_leads_to_a_file(page):
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text_of(page))
    assert [target for target in targets if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_is_named_is_there(page):
    pattern = r"\b((?:autograder|benchmarks|data|docs|notebooks|solutions|tests)/[\w/.-]*)"
    named = {name.rstrip(".") for name in re.findall(pattern, text_of(page))}
    named = {name for name in named if not re.search(r"NN_|topic|10_|NOTEBOOK", name)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    top = re.findall(r"`([\w.-]+\.(?:toml|yml|txt|md)|LICENSE|Makefile)`", text_of(page))
    built = {"report.html"}
    assert [name for name in top if name not in built and not (ROOT / name).exists()] == []


def test_the_guides_of_the_four_readers_are_linked():
    for name in ("students", "instructors", "tas", "authors", "grading"):
        assert f"(docs/{name}.md)" in README


def test_the_figures_are_those_of_the_course(course, built):
    checks = [check for each in built.values() for check in each.master.checks]
    answers = [answer for name in course.names for answer in answers_of(name)]
    counts = {
        r"in (\w+) Jupyter notebooks": len(course.names),
        r"with (\d+) exercises": sum(len(each.master.exercises) for each in built.values()),
        r"the (\d+) checks": len(checks),
        r"checks (\d+) are hidden": sum(check.hidden for check in checks),
        r"([\d,]+) documented wrong": sum(not answer.right for answer in answers),
        r"and (\d+) right ones": sum(answer.right for answer in answers),
        r"of (\d+) hostile submissions": len(load_attacks()),
        r"([\d,]+) damaged notebooks": ALL_MUTANTS,
    }
    text = " ".join(README.split())
    said = {pattern: re.search(pattern, text)[1].replace(",", "") for pattern in counts}
    words = {word: str(number) for number, word in enumerate(IN_WORDS)}
    assert {k: words.get(v, v) for k, v in said.items()} == {k: str(v) for k, v in counts.items()}


def test_the_measured_figures_are_those_of_the_benchmarks():
    measured = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    ours, nbgrader, otter = re.search(
        r"judged ([\d.]+) submissions of notebook 04 a minute, nbgrader ([\d.]+)\s+and otter"
        r" ([\d.]+)",
        " ".join(README.split()),
    ).groups()
    for grader, figure in (("course grade", ours), ("nbgrader", nbgrader), ("otter", otter)):
        first = re.search(rf"^\| {grader} \| ([\d.]+) \|", measured, re.MULTILINE)
        assert first[1] == figure


def test_the_totals_of_the_attacks_are_those_of_the_score_card():
    totals = r"^\| (?:course grade|nbgrader|otter) \| \d+ of \d+ \|.*$"
    card = re.findall(totals, text_of("docs/attacks.md"), re.MULTILINE)
    assert len(card) == 3
    assert re.findall(totals, README, re.MULTILINE) == card


def test_the_versions_and_targets_are_those_of_the_project():
    assert 'requires-python = ">=3.11"' in text_of("pyproject.toml")
    assert "Python 3.11 or newer" in README and "py -3.11" in README
    targets = re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE)
    assert set(re.findall(r"\bmake (demo|test|constraints)\b", README)) <= set(targets)


def test_the_picture_is_small_and_said_in_words():
    picture = ROOT / "docs" / "_static" / "failed-check.png"
    assert picture.stat().st_size < 120_000
    text = re.search(r"!\[([^\]]+)\]\(docs/_static/failed-check\.png\)", README)[1]
    assert len(text) > 80
