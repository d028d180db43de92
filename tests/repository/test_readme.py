"""README.md and the guides name commands, options, files and figures that are there."""

import re
import shlex
import tomllib

import pytest

from autograder.commands.cli import main
from tests.attacks import load_attacks
from tests.support.course import ROOT, answers_of
from tests.support.proof import ALL_MUTANTS

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
# Pages about the engine, which call its files by their places in the package.
OF_THE_ENGINE = ["CONTRIBUTING.md", *(page for page in PAGES if re.search("architec|decis", page))]
DECISIONS = [page for page in PAGES if re.fullmatch(r"docs/decisions/\d{4}-[a-z-]+\.md", page)]
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


@pytest.mark.parametrize("page", OF_THE_ENGINE)
def test_a_file_of_the_engine_that_is_named_is_there(page):
    named = re.findall(r"`([\w.-]+/[\w/.-]+\.\w+)`", text_of(page))
    named = [name for name in named if not re.search(r"NN_|NOTEBOOK|topic|^build/", name)]
    places = [ROOT, ROOT / "autograder"]
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def test_the_floors_are_drawn_as_import_linter_keeps_them():
    project = tomllib.loads(text_of("pyproject.toml"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    (drawing,) = re.findall(r"```text\n(┌.+?)```", text_of("docs/architecture.md"), re.DOTALL)
    drawn = [re.findall(r"│ ([a-z]+)\b", line) for line in drawing.splitlines() if "│" in line]
    floors = [floor.split(" | ") for floor in contract["layers"]]
    assert [rooms for rooms in drawn if rooms in floors] == floors


def test_drawings_fit_a_phone():
    for page in PAGES:
        for drawing in re.findall(r"```text\n(.+?)```", text_of(page), re.DOTALL):
            assert max(map(len, drawing.splitlines())) <= 40, page


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_is_short_and_names_the_tests_that_keep_it(page):
    text = text_of(page)
    parts = re.findall(r"^\*\*([\w ]+)\.\*\* \S", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Kept by"]
    assert "`tests/" in text.partition("**Kept by.**")[2]
    assert len(text.splitlines()) <= 25
    title = text.partition("\n")[0].partition(": ")[2]
    assert f"[{title}]({page.rpartition('/')[2]})" in text_of("docs/decisions/README.md")


def promises() -> list[tuple[str, str, str]]:
    """Return the rows of the table of promises: what is promised, what tests it, the targets."""
    table = README.partition("| Promise | Tested by | In `make` |\n|---|---|---|\n")[2]
    rows = table.partition("\n\n")[0].splitlines()
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]


def test_every_promise_is_tested_by_something_that_a_target_runs():
    makefile = text_of("Makefile")
    rows = promises()
    assert len(rows) >= 13
    for promise, tested_by, targets in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)`", tested_by)
        proofs = re.findall(r"`(course [^`]+)`", tested_by)
        assert tests or proofs, promise
        assert [test for test in tests if not (ROOT / test).is_file()] == [], promise
        assert [line for line in proofs if f"$(BIN)/{line}\n" not in makefile] == [], promise
        named = re.findall(r"`(\w+)`", targets)
        assert named and set(named) <= {"quick", "test", "proof"}, promise
        assert all(re.search(rf"^{name}: ", makefile, re.MULTILINE) for name in named), promise
        if "quick" in named:
            slow = re.compile(r"^pytestmark = (?:\[\s*)?pytest\.mark\.slow", re.MULTILINE)
            assert not proofs and not any(slow.search(text_of(test)) for test in tests), promise
        if "proof" in named:
            chooses = re.compile(r"tests\.support\.proof|mark\.proof")
            assert proofs or any(chooses.search(text_of(test)) for test in tests), promise


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


def test_the_figures_of_the_targets_are_those_of_the_tests():
    chosen = re.search(r"else (\d+)$", text_of("tests/support/proof.py"), re.MULTILINE)[1]
    page = text_of("docs/architecture.md")
    assert f"| mutants of notebooks | | {chosen} | {ALL_MUTANTS:,} |" in page
    assert f"| attacks | | the boundary cases | all {len(load_attacks())} |" in page
    assert f"`test`: {chosen} of them" in README


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


@pytest.mark.parametrize("page", PAGES)
def test_a_target_that_is_named_is_in_the_makefile(page):
    targets = set(re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE))
    text = text_of(page)
    named = re.findall(r"`make (\w+)`", text) + re.findall(r"^    make (\w+)", text, re.MULTILINE)
    assert set(named) <= targets


def test_the_picture_is_small_and_said_in_words():
    picture = ROOT / "docs" / "_static" / "failed-check.png"
    assert picture.stat().st_size < 120_000
    text = re.search(r"!\[([^\]]+)\]\(docs/_static/failed-check\.png\)", README)[1]
    assert len(text) > 80
