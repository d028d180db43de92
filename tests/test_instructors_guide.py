"""Every command in docs/instructors.md exists, with its options."""

import re
import shlex

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp

from autograder.cli import main
from autograder.course import load_course
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
BLOCKS = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
INLINE = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", TEXT)]


def commands(program: str) -> list[list[str]]:
    """Return the words of each command of a program that the page names."""
    lines = [line.partition(" #")[0] for line in (*BLOCKS, *INLINE)]
    found = [shlex.split(line) for line in lines if line.startswith(f"{program} ")]
    assert found
    return found


@pytest.mark.parametrize("words", commands("course"), ids=" ".join)
def test_course_commands_take_what_the_page_gives_them(words):
    command = main.commands[words[1]]
    arguments = words[2:]
    options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    assert {word for word in arguments if word.startswith("--")} <= options
    if "--roster" in arguments:  # the file is not there
        arguments = arguments[: arguments.index("--roster")]
    if len(words) > 2:
        command.make_context(words[1], list(arguments), resilient_parsing=False)


@pytest.mark.parametrize("words", commands("nbgrader"), ids=" ".join)
def test_nbgrader_commands_exist_and_name_a_notebook_of_the_course(words):
    app, _ = NbGraderApp.subcommands[words[1]]
    for word in words[2:]:
        if word.startswith("--"):
            name = word.lstrip("-").partition("=")[0]
            assert name in {**app().aliases, **app().flags}
        elif not word.endswith(".csv"):
            assert word in load_course(ROOT).names


def test_files_that_the_page_names_are_what_the_build_writes():
    from autograder import nbgrader_course

    assert "nbgrader_config_local.py" in nbgrader_course.CONFIG
    assert "build/nbgrader/" in TEXT and "build/otter/01_pytorch_basics.zip" in TEXT
