"""The `course` command: what goes wrong is said in one line, and nothing is half-written."""

import json
import re
import subprocess
import sys
import types

import pytest
from click.testing import CliRunner

from autograder.commands import packages
from autograder.commands.cli import main
from autograder.course.compose import source_notebook, student_notebook
from autograder.course.config import load_course
from autograder.course.master import load_master
from tests.support.broken_packages import without
from tests.support.course import COURSE, COURSE_TOML, MINI_CHECKS, MINI_MASTER, ROOT


def course(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def snapshot(root):
    return {
        path.relative_to(root): path.read_bytes()
        for room in ("notebooks", "build")
        for path in (root / room).rglob("*")
        if path.is_file() and path.name != "stamps.json"
    }


def test_help_teaches():
    text = course("--help").output
    for command in ("build", "check", "demo", "grade", "prove", "publish"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
        assert "Usage: main" in course(command, "--help").output or "Usage:" in text
    assert "solutions/NN_topic.py" in text


# Every row: what replaces what in which file, and the message with its line.
MASTER_MISTAKES = [
    ("### BEGIN SOLUTION\n    result", "result", "solutions/01_mini.py:12: ### BEGIN SOLUTION and"),
    ('exercise="double"', 'exercize="double"', "01_mini.py:7: unknown cell metadata 'exercize'"),
    ("def double(x)", "def dubble(x)", "01_mini.py:7: the cell of double defines dubble"),
    ('    """Return twice x."""\n', "", "01_mini.py:7: double has no docstring"),
    (" points=2", "", "01_mini.py:20: why has no points"),
    ('written="why"', 'written="double"', "01_mini.py:7: the id 'double' is used twice"),
    ("return result_of", "return (result_of", "01_mini.py:12: not valid Python"),
    (
        "# %% [markdown]\n# # A",
        "x = 1\n# %% [markdown]\n# # A",
        "01_mini.py:1: there is text before",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), MASTER_MISTAKES)
def test_malformed_master(mini, old, new, message):
    assert old in MINI_MASTER
    (mini / "solutions" / "01_mini.py").write_text(MINI_MASTER.replace(old, new, 1))
    expect_error(mini, message)


CHECK_MISTAKES = [
    ('@check("double", points=1', '@check("triple", points=1', "mini.py:7: doubles_two checks"),
    ("def doubles_two(double)", "def doubles_two(halve)", "mini.py:7: doubles_two uses 'halve'"),
    ("points=1, ", "", "mini.py:7: doubles_two has no points"),
    (', hint="Twice means x + x."', "", "mini.py:7: doubles_two has no hint"),
    ("doubles_a_negative_number", "doubles_two", "mini.py:7: two checks are called doubles_two"),
    ("hidden=True, ", "", "01_mini.py: double has no hidden check"),
    ("def doubles_two(", "def doubles_two((", "mini.py:8: not valid Python"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHECK_MISTAKES)
def test_malformed_checks(mini, old, new, message):
    assert old in MINI_CHECKS
    (mini / "autograder" / "checks" / "mini.py").write_text(MINI_CHECKS.replace(old, new, 1))
    expect_error(mini, message)


COURSE_MISTAKES = [
    ('title = "A small course"\n', "", "course.toml: title"),
    ("term =", "therm =", "course.toml: term"),
    ('"01_mini"', '"mini"', "course.toml:6: a notebook's name looks like"),
    ("2030-01-31T12:00:00Z", '"soon"', "course.toml:6: due of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = "ten"', "course.toml:6: points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = 0', "points of 01_mini must be a number above zero"),
    ('"01_mini"', '"01_mini"\npoints = true', "points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = inf', "points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoint = 10', "course.toml:7: unknown key 'point'"),
    ("[[notebooks]]", "[[notebooks]", "course.toml:5:"),
    ('"01_mini"', '"02_other"', "02_other.py: this master does not exist"),
    (COURSE_TOML[COURSE_TOML.index("[[") :], 'notebooks = ["01_mini"]', "under [[notebooks]]"),
]


@pytest.mark.parametrize(("old", "new", "message"), COURSE_MISTAKES)
def test_malformed_course(mini, old, new, message):
    assert old in COURSE_TOML
    (mini / "course.toml").write_text(COURSE_TOML.replace(old, new, 1))
    expect_error(mini, message)


def test_course_toml_as_editors_on_windows_save_it(mini):
    text = COURSE_TOML.replace("small", "kleiner, größerer")
    (mini / "course.toml").write_text(text, encoding="cp1252")
    expect_error(mini, "course.toml: it is not UTF-8 text; save it as UTF-8")
    (mini / "course.toml").write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert load_course(mini).title == "A kleiner, größerer course"


def expect_error(root, message: str) -> None:
    before = snapshot(root)
    result = course("build")
    assert result.exit_code == 2, result.output
    assert message in result.stderr.replace("\\", "/")
    assert result.stderr.startswith("course: ")
    assert result.stderr.count("\n") == 1
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "99"], "there is no notebook '99'"),
        (["build", "--check", "01"], "give no NOTEBOOK"),
        (["build", "--czech"], "No such option"),
        (["polish"], "No such command"),
        (["grade", "nowhere", "--out", "x"], "there is no such folder or zip archive"),
        (
            ["grade", "solutions", "--out", "x", "--notebook", "01"],
            "no submission of 01_mini in it",
        ),
        (["grade", "solutions", "--out", "x"], "no submission of 01_mini in it"),
        (["grade", "solutions"], "Missing option '--out'"),
    ],
)
def test_wrong_arguments(mini, arguments, message):
    result = course(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = course("build")
    assert result.exit_code == 2
    assert "run `course` inside the repository" in result.stderr


@pytest.mark.slow
def test_build_then_check_then_touch(mini):
    result = course("build")
    assert result.exit_code == 0, result.output
    first = snapshot(mini)
    assert course("build", "--check").exit_code == 0
    assert course("build", "mini").exit_code == 0
    assert snapshot(mini) == first
    names = {str(path) for path in first}
    assert {"notebooks/01_mini.ipynb", "notebooks/course_helper.py"} <= names
    assert "build/solutions/01_mini.ipynb" in names
    assert "build/otter/01_mini.zip" in names
    assert "build/nbgrader/release/01_mini/01_mini.ipynb" in names
    assert not [path for path in (mini / "build").iterdir() if path.name.startswith("building-")]
    master = mini / "solutions" / "01_mini.py"
    master.write_text(MINI_MASTER.replace("A small notebook", "A changed notebook"))
    stale = course("build", "--check")
    assert stale.exit_code == 1
    assert "notebooks/01_mini.ipynb is not what its source gives" in stale.output
    (mini / "notebooks" / "notes.ipynb").write_text("{}")
    assert "notebooks/notes.ipynb has no source" in course("build", "--check").output


def test_the_notebook_says_when_it_is_due_and_what_it_is_worth(mini):
    def header() -> str:
        opened = load_course(mini)
        cells = student_notebook(source_notebook(opened, load_master(opened, "01_mini"))).cells
        return cells[1].source

    due = "*A small course, Test.*  \nDue Thursday, 31 January 2030, 12:00 UTC.  \n"
    assert header() == due + "5 points: 3 by checks, 2 for written answers."
    for points, worth in (("10", "10 points"), ("1", "1 point"), ("2.5", "2.5 points")):
        (mini / "course.toml").write_text(f"{COURSE_TOML}points = {points}\n")
        assert header() == due + (
            f"Worth {worth}. It is graded out of 5: 3 by checks, 2 for written answers."
        )


@pytest.mark.slow
def test_a_solution_that_does_not_run_changes_nothing(mini):
    broken = MINI_MASTER.replace("print(double(4))", "print(double(4) + missing)")
    (mini / "solutions" / "01_mini.py").write_text(broken.replace('waits_for("double")', "open(0)"))
    before = snapshot(mini)
    result = course("build")
    assert result.exit_code == 2
    assert "the solution does not run" in result.stderr
    assert snapshot(mini) == before


# Prints the packages of others that are imported by what stands before it.
SHOW_IMPORTED = """
import json
files = {n: getattr(m, "__file__", None) or "" for n, m in sys.modules.items()}
others = {n.partition(".")[0] for n, file in files.items() if "site-packages" in file}
print(json.dumps(sorted(n for n in others if not n.startswith("_"))), file=sys.__stdout__)
"""
RUN_ALL = """
import contextlib, io, json, sys
from autograder.commands.cli import main
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as end:
            assert arguments[-1:] == ["--help"] or end.code == 2, (arguments, end.code)
"""


def imported(code: str, *arguments: str) -> list[str]:
    """Return the packages of others that some code imports."""
    done = subprocess.run(
        [sys.executable, "-c", code + SHOW_IMPORTED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_nothing_slow_is_imported_before_the_arguments_are_right(tmp_path):
    wrong = [[name, "--nonsense"] for name in main.commands]
    wrong += [[name] for name in ("check", "grade", "mistakes", "new", "publish", "regrade")]
    of_99 = ["--notebook", "99"]
    wrong += [
        ["build", "99"],
        ["build", "--check", "01"],
        ["build", "--check", "--watch"],
        ["build", "--watch", "99"],
        ["check", "README.md", *of_99],
        ["grade", "x", "--out", "y", *of_99],
        ["mistakes", "--out", "x", *of_99],
        ["prove", "99"],
        ["publish", str(tmp_path), "--up-to", "99"],
        ["regrade", "x", "--out", "y", "--student", "a", "--note", "b", *of_99],
        ["release-solutions", "99", "--to", "x"],
        ["site", "99"],
    ]
    helps = [["--help"], *([name, "--help"] for name in main.commands)]
    assert imported(RUN_ALL, json.dumps(helps + wrong)) == ["click"]
    assert imported("import sys, autograder.commands\n") == []
    assert imported("import sys, autograder.commands.doctor, autograder.commands.packages\n") == []


def test_looking_for_what_is_stale_imports_no_otter():
    assert "otter" not in imported("import sys, autograder.building.build\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no time of children")
def test_help_is_there_at_once():
    import resource

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COURSE, "--help"], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.3


def run_without(tmp_path, *arguments: str, **lacking) -> subprocess.CompletedProcess:
    environment = without(tmp_path / "without", **lacking)
    return subprocess.run(
        [*COURSE, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "package", "arguments"),
    [
        ("click", "click", ["--help"]),
        ("rich", "rich", ["site", "01"]),
        ("nbformat", "nbformat", ["build", "--check"]),
        pytest.param("nbgrader", "nbgrader", ["build", "--check"], marks=pytest.mark.slow),
        ("jinja2", "jinja2", ["new", "10_more"]),
        ("latex2mathml", "latex2mathml", ["release-solutions", "01", "--to", "x"]),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("torch", "torch", ["prove", "01"]),
                ("yaml", "pyyaml", ["check", "notebooks/01_pytorch_basics.ipynb"]),
                ("distributed", "distributed", ["grade", "x", "--out", "y"]),
            )
        ),
    ],
)
@pytest.mark.parametrize("kind", ["absent", "broken"])
def test_a_package_that_cannot_be_imported(tmp_path, module, package, arguments, kind):
    done = run_without(tmp_path, *arguments, **{kind: [module]})
    assert done.returncode == 2, done.stdout + done.stderr
    problem = "missing" if kind == "absent" else f"broken (OSError: lib{module}.so: cannot open"
    assert done.stderr.startswith(f"course: the package {package} is {problem}"), done.stderr
    assert "; run `make environment`, or: python -m pip install --force-reinstall" in done.stderr
    assert package in done.stderr.rpartition("pip install")[2]
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="there is a process to fork from on Linux")
def test_a_package_that_the_submissions_process_alone_imports(tmp_path):
    done = run_without(
        tmp_path, "check", "notebooks/01_pytorch_basics.ipynb", broken=["matplotlib"]
    )
    assert done.returncode == 2
    assert done.stderr.startswith("course: the package matplotlib is broken (OSError: lib")
    assert done.stderr.count("\n") == 1


def raised(code: str, filename: str, name: str) -> Exception:
    """Return what a module raises while it is imported."""
    with pytest.raises(Exception) as caught:  # whatever the code raises
        exec(compile(code, filename, "exec"), {"__name__": name, "__file__": filename})
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'gone'", name="autograder.text"),
        ModuleNotFoundError("No module named", name="autograder.nowhere"),
        ModuleNotFoundError("No module named '_sqlite3'", name="_sqlite3"),
        ImportError("somebody's words"),
        AttributeError("no such", name="x", obj=packages),
        raised("1 / 0", str(ROOT / "autograder" / "text.py"), "autograder.text"),
        raised("1 / 0", str(ROOT / "tests" / "answers" / "mini.py"), "mini"),
        ValueError("a bug"),
    ],
)
def test_a_bug_of_ours_stays_visible(error, monkeypatch):
    assert packages.culprit(error) is None
    with monkeypatch.context() as patch:
        patch.setattr(main.commands["demo"], "callback", lambda: (_ for _ in ()).throw(error))
        assert course("demo").exception is error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("...", name="yaml"), "the package pyyaml is missing"),
        (
            ModuleNotFoundError("none", name="torch._C"),
            "torch is broken (ModuleNotFoundError: none",
        ),
        (
            ImportError("cannot import name 'Group' from 'click'", name="click"),
            "the package click is broken (ImportError: cannot import name 'Group' from 'click')",
        ),
        (
            raised("raise SystemError('too old\\nand more')", "/x/site-packages/zmq.py", "zmq"),
            "is broken (SystemError: too old)",
        ),
        (
            AttributeError("no Tensor", name="Tensor", obj=types.ModuleType("torch")),
            "the package torch is broken (AttributeError: no Tensor)",
        ),
        (
            SyntaxError("bad", ("/x/site-packages/rich/console.py", 1, 1, "")),
            "the package rich is broken (SyntaxError: bad",
        ),
    ],
)
def test_the_package_whose_import_failed_is_named(error, told):
    assert told in str(packages.culprit(error))
