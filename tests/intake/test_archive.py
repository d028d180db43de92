"""A zip archive is parsed once, its members are read once a look, and it is never left open."""

import json
import os
import pickle
import tracemalloc
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import nbformat
import psutil
import pytest

from autograder.course.compose import dumps
from autograder.errors import CourseError
from autograder.intake import archive as archives
from autograder.intake.archive import Archive
from autograder.intake.find import find_submissions
from autograder.intake.listing import BEGINNING, File, list_files
from tests.support.course import ROOT

ONE, TWO = "01_pytorch_basics", "02_autograd_engine"


@pytest.fixture(scope="module")
def releases():
    return {
        name: nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        for name in (ONE, TWO)
    }


@pytest.fixture
def counted(monkeypatch):
    """Count how often an archive's table of contents is parsed, and each member read."""
    counts = Counter()
    open_member = Archive.open

    class Counting(zipfile.ZipFile):
        def __init__(self, *args):
            counts["parsed"] += 1
            super().__init__(*args)

    def counting(self, number):
        counts[number] += 1
        return open_member(self, number)

    monkeypatch.setattr(archives.zipfile, "ZipFile", Counting)
    monkeypatch.setattr(Archive, "open", counting)
    return counts


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def class_zip(path, releases):
    """Write an archive of twelve students whose files are named or told in every way."""
    one, two = (dumps(releases[name]) for name in (ONE, TWO))
    ways = {f"{ONE}.ipynb": one, "homework.ipynb": two, f"{TWO}/x.ipynb": two}
    return write_zip(
        path, {f"student{n}/{way}": data for n in range(12) for way, data in ways.items()}
    )


def test_an_archive_is_parsed_once_and_each_member_read_once(releases, tmp_path, counted):
    path = class_zip(tmp_path / "class.zip", releases)
    counted.clear()
    found = find_submissions(path, releases)
    assert len(found) == 24 and not any(each.problem for each in found)
    assert counted.pop("parsed") == 1
    # Of two files that are the same notebook, only the one that counts is looked into if its
    # name tells; what the content tells takes one look.
    assert set(counted.values()) == {1}
    counted.clear()
    for each in found:
        json.loads(each.read())
    assert "parsed" not in counted
    assert set(counted.values()) == {1} and len(counted) == len(found)


def test_a_groups_file_is_read_once(releases, tmp_path, counted):
    group = [{":name": name} for name in ("Ada", "Bob", "Cem")]
    files = {
        "submission_metadata.yml": json.dumps({"submission_1": {":submitters": group}}),
        "submission_1/homework.ipynb": dumps(releases[ONE]),
        f"submission_1/{TWO}.ipynb": dumps(releases[TWO]),
        "submission_1/scratch.ipynb": "{}",
    }
    path = write_zip(tmp_path / "class.zip", files)
    counted.clear()
    assert len(find_submissions(path, releases, ONE)) == 3
    assert counted.pop("parsed") == 1
    assert set(counted.values()) == {1}


def test_a_damaged_file_of_a_group_is_everyones_problem(releases, tmp_path, counted):
    group = [{":name": name} for name in ("Ada", "Bob")]
    files = {
        "submission_metadata.yml": json.dumps({"submission_1": {":submitters": group}}),
        f"submission_1/{ONE}.ipynb": os.urandom(5000),
    }
    path = write_zip(tmp_path / "class.zip", files)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") - 100] ^= 255
    path.write_bytes(data)
    counted.clear()
    problems = [each.problem for each in find_submissions(path, releases)]
    assert len(problems) == 2
    assert all(problem.startswith("cannot be read: Bad CRC-32") for problem in problems)
    assert counted[1] == 1


def test_an_archive_is_not_left_open(releases, tmp_path):
    path = class_zip(tmp_path / "class.zip", releases)
    found = find_submissions(path, releases)
    found[0].read()
    assert str(path) not in {each.path for each in psutil.Process().open_files()}
    path.unlink()
    with pytest.raises(CourseError, match=r"cannot be read: .*; download it again"):
        found[0].read()


def test_an_archive_that_has_changed_is_parsed_again(tmp_path, counted):
    path = write_zip(tmp_path / "a.zip", {"a.txt": "long before", "b.txt": "second"})
    (first, second), _ = list_files(path)
    write_zip(path, {"a.txt": "now"})
    assert first.read() == b"now"
    with pytest.raises(CourseError, match="the archive has changed"):
        second.read()


def test_members_travel_and_are_the_same_wherever_they_are(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.txt": "first", "b.txt": "second"})
    files, _ = list_files(path)
    travelled = pickle.loads(pickle.dumps(files))
    assert travelled == files and len({*travelled, *files}) == 2
    assert [file.read() for file in travelled] == [b"first", b"second"]
    assert travelled[0].archive is travelled[1].archive


def test_threads_share_an_archive(tmp_path):
    texts = {f"{n}.txt": str(n).encode() * (5000 + n) for n in range(50)}
    files, _ = list_files(write_zip(tmp_path / "a.zip", texts))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda file: file.read(), files * 4)) == [*texts.values()] * 4


def test_of_a_file_that_is_what_it_is_called_only_the_beginning_is_looked_at(releases, tmp_path):
    text = dumps(releases[ONE])
    assert len(text) > BEGINNING
    path = write_zip(tmp_path / "a.zip", {f"ada/{ONE}.ipynb": text + "\0" * 50_000_000})
    tracemalloc.start()
    (only,) = find_submissions(path, releases)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not only.problem and peak < 5_000_000
    assert len(only.read()) > 50_000_000


def test_damage_below_a_right_beginning_is_found_when_it_is_read(releases, tmp_path):
    path = write_zip(tmp_path / "a.zip", {f"ada/{ONE}.ipynb": dumps(releases[ONE])})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") - 100] ^= 255
    path.write_bytes(data)
    (only,) = find_submissions(path, releases)
    with pytest.raises(CourseError, match=r"cannot be read: .*; download it again"):
        only.read()


def test_enough_of_a_file_is_its_beginning(tmp_path):
    text = b"x" * (BEGINNING + 1)
    (tmp_path / "b.txt").write_bytes(text)
    archived, _ = list_files(write_zip(tmp_path / "a.zip", {"a.txt": text}))
    for file in (*archived, File(("b.txt",), tmp_path / "b.txt")):
        assert file.read(enough=lambda beginning: True) == text[:-1]
        assert file.read(enough=lambda beginning: False) == text
