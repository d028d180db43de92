"""Modules of the course, checks and answers alike, are loaded by their path."""

import inspect
import sys
from pathlib import Path

import pytest

from autograder.checks import load_checks
from autograder.files import module_at

NAME = "a_module_of_a_test"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Leave no module behind."""
    monkeypatch.setitem(sys.modules, NAME, sys)


def file_with(folder: Path, text: str) -> Path:
    path = folder / "made.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_module_has_its_name_its_file_and_the_source_of_its_classes(tmp_path):
    path = file_with(tmp_path, "x = 3\n\n\nclass Made:\n    y = 4\n")
    module = module_at(NAME, path)
    assert module.x == 3 and module.__name__ == NAME and module.__file__ == str(path)
    assert sys.modules[NAME] is module
    assert inspect.getsource(module.Made) == "class Made:\n    y = 4\n"


def test_a_slip_in_a_module_comes_through_with_its_line(tmp_path):
    with pytest.raises(SyntaxError) as caught:
        module_at(NAME, file_with(tmp_path, "x = 3\ny = = 4\n"))
    assert caught.value.lineno == 2


def test_what_a_module_raises_comes_through(tmp_path):
    with pytest.raises(ZeroDivisionError):
        module_at(NAME, file_with(tmp_path, "1 / 0\n"))


def test_a_module_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        module_at(NAME, tmp_path / "none.py")
    with pytest.raises(FileNotFoundError):
        load_checks("01_none", tmp_path)
