"""Every command of nbgrader in docs/instructors.md exists, with its options."""

import re
import shlex

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp

from autograder.course.config import load_course
from tests.support.course import ROOT

TEXT = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
BLOCKS = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
INLINE = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", TEXT)]


def commands() -> list[list[str]]:
    """Return the words of each command of nbgrader that the page names."""
    lines = [line.partition(" #")[0] for line in (*BLOCKS, *INLINE)]
    found = [shlex.split(line) for line in lines if line.startswith("nbgrader ")]
    assert found
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_nbgrader_commands_exist_and_name_a_notebook_of_the_course(words):
    app, _ = NbGraderApp.subcommands[words[1]]
    for word in words[2:]:
        if word.startswith("--"):
            name = word.lstrip("-").partition("=")[0]
            assert name in {**app().aliases, **app().flags}
        elif not word.endswith(".csv"):
            assert word in load_course(ROOT).names


def test_files_that_the_page_names_are_what_the_build_writes():
    from autograder.results.gradebook import course_directory

    assert "nbgrader_config_local.py" in course_directory.CONFIG
    assert "build/nbgrader/" in TEXT and "build/otter/01_pytorch_basics.zip" in TEXT
