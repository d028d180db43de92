"""A system is one class in one file, listed once; another one needs no more."""

import importlib
import pkgutil
import re
import zipfile

import nbformat
import pytest

from autograder.errors import CourseError
from autograder.intake import systems
from autograder.intake.find import find_submissions
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, System
from tests.support.course import ROOT

NAME = "01_pytorch_basics"


def write(place, *names):
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b'{"cells": []}')
    return place


@pytest.fixture
def releases():
    return {NAME: nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4)}


def test_every_system_is_listed_once():
    for module in pkgutil.iter_modules(systems.__path__):
        importlib.import_module(f"{systems.__name__}.{module.name}")
    classes = [each for each in System.__subclasses__() if each.__module__ != __name__]
    assert sorted(map(str, systems.SYSTEMS)) == sorted(map(str, classes))
    assert all(each.__doc__ for each in systems.SYSTEMS)


class Sixth(System):
    """Files called FILE of NAME, in a folder that is called Sixth."""

    own_files = frozenset({"sixth.txt"})

    @classmethod
    def is_around(cls, top, inside):
        return top == "Sixth"

    def __init__(self, listing):
        super().__init__(listing)
        self.members = [Owner("absent")]

    def of(self, file):
        found = re.fullmatch(r"(.+) of (\w+)", file.name)
        return [Handed(Owner(found[2]), file, found[1], labelled=True)] if found else None


def test_another_system_is_one_class(releases, tmp_path, monkeypatch):
    monkeypatch.setattr(systems, "SYSTEMS", (Sixth, *systems.SYSTEMS))
    files = (f"Sixth/{NAME}.ipynb of {who}" for who in ("ada", "bob"))
    place = write(tmp_path, *files, "Sixth/sixth.txt")
    found = find_submissions(place, releases, NAME)
    assert [(each.student, bool(each.problem)) for each in found] == [
        *(("absent", True), ("ada", False), ("bob", False))
    ]


def test_who_may_have_written_a_table_of_people_is_told_by_its_whole_path(releases, tmp_path):
    place = write(tmp_path, f"ada/{NAME}.ipynb", "ada/submission_metadata.yml")
    path = re.escape(str(place / "ada" / "submission_metadata.yml"))
    with pytest.raises(CourseError, match=path):
        find_submissions(place, releases)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ada/submission_metadata.yml", "")
    with pytest.raises(CourseError, match=r"a\.zip: ada/submission_metadata\.yml: if the folder"):
        find_submissions(tmp_path / "a.zip", releases)
