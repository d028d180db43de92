"""The released notebooks, and what must hold of every submission that is matched to one."""

from __future__ import annotations

import functools

import nbformat

from autograder.course.config import load_course
from tests.support.course import ROOT

NAMES = load_course(ROOT).names
NAME = "01_pytorch_basics"


@functools.cache
def release_text(name=NAME):
    return (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")


@functools.cache
def released(name=NAME):
    return nbformat.reads(release_text(name), as_version=4)


def key_of(cell):
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")


def check_promises(notebook, name=NAME):
    nbformat.validate(notebook)
    assert len({each.id for each in notebook.cells}) == len(notebook.cells)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    theirs = {key_of(c): c for c in released(name).cells if key_of(c)}
    keys = [key_of(c) for c in notebook.cells if key_of(c)]
    assert sorted(keys) == sorted(theirs)
    for each in notebook.cells:
        original = theirs.get(key_of(each))
        if original is None:
            assert set(each.metadata) <= {"tags"}
        else:
            assert (each.id, each.cell_type) == (original.id, original.cell_type)
            assert each.metadata == original.metadata
            if not original.metadata.nbgrader.solution:
                assert each == original
    order = {}
    for key in keys:
        exercise, *check = key.split("-")
        order.setdefault(exercise, []).append(check)
    for checks in order.values():
        assert checks[0] == []  # the cell of the exercise comes before its checks
        assert checks == sorted(checks, key=lambda check: [c != "public" for c in check])
