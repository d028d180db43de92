"""The one file that students get, and the parts that it is joined from."""

import ast
import subprocess
import sys

import pytest
import torch

from autograder.inside.joining import FOLDER, PARTS, joined, sources
from autograder.inside.student import course_helper
from tests.conftest import ROOT
from tests.support.students_helper import course_helper as students_helper


def names_defined(text: str) -> list[str]:
    """Return the names of a module's functions, classes and constants, in order."""
    names = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.append(statement.name)
        elif isinstance(statement, ast.Assign):
            targets = ast.walk(ast.Tuple(statement.targets, ast.Store()))
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def test_the_committed_file_is_what_the_parts_give(course):
    assert (ROOT / "notebooks" / "course_helper.py").read_text(encoding="utf-8") == course.helper


def test_all_parts_are_joined_and_none_is_long():
    assert sorted(FOLDER.glob("*.py")) == sorted(sources())
    for path in [*sources(), *FOLDER.parents[1].glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


def test_it_defines_what_the_package_exports_and_every_name_once():
    defined = names_defined(joined())
    assert len(set(defined)) == len(defined)
    assert {name for name in defined if not name.startswith("_")} == set(course_helper.__all__)
    assert all(hasattr(course_helper, name) for name in course_helper.__all__)


def test_it_reads_as_one_file():
    text = joined()
    imported = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not [n for n in imported if "autograder" in ast.unparse(n)]
    assert ast.get_docstring(ast.parse(text)) == course_helper.__doc__.strip()
    titles = [line.split()[-1] for line in text.splitlines() if line.startswith("# ------")]
    assert titles == [part.split("_")[-1] for part in PARTS]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", "course_helper.py", "-"],
            cwd=ROOT,
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_imports_of_parts_are_merged_and_sorted(tmp_path):
    empty = '"""A part."""\n\nimport re\n'
    for name in PARTS:
        (tmp_path / f"{name}.py").write_text(empty)
    (tmp_path / "__init__.py").write_text('"""What it is."""\n\nimport os\n')
    (tmp_path / "data.py").write_text(
        '"""A part."""\n\nfrom __future__ import annotations\n\nimport ast\nfrom torch import nn\n'
        "from pathlib import Path\n\nfrom autograder.inside import x\n\n# Why.\nA = 1\n"
    )
    (tmp_path / "by_hand.py").write_text(
        '"""A part."""\n\nimport torch\nfrom pathlib import PurePath\n\n\ndef f():\n    return A\n'
    )
    text = joined(tmp_path)
    assert text.startswith(
        '"""What it is."""\n\nfrom __future__ import annotations\n\n'
        "import ast\nimport re\nfrom pathlib import Path, PurePath\n\n"
        "import torch\nfrom torch import nn\n\n# -----"
    )
    assert " data\n\n# Why.\nA = 1\n\n\n# -----" in text
    assert text.endswith(" by hand\n\n\ndef f():\n    return A\n")


@pytest.mark.parametrize("helper", [course_helper, students_helper], ids=["parts", "one file"])
def test_an_error_is_described_without_the_helpers_own_lines(helper):
    def raises(image):
        raise ValueError("it is too small")

    def check(raises):
        helper.expect_written_by_hand("pooling", raises, torch.ones(2))

    failure = helper.run_check(check, {"raises": raises})
    raised, *lines = failure.text.splitlines()
    assert raised == "  it raised   ValueError: it is too small"
    assert [line.split(":")[0].split(" of ")[1] for line in lines] == ["check", "raises"]
