"""Submissions are found as nbgrader, a person or a learning-management system leaves them."""

import json
import os
import pickle
import re
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from datetime import UTC, datetime

import nbformat
import pytest

from autograder.course.compose import dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from autograder.intake import listing
from autograder.intake.find import find_submissions
from autograder.intake.sources import safe_name
from autograder.results.exports import write_canvas
from autograder.results.result import Row
from tests.support.course import ROOT

NAMES = load_course(ROOT).names
ONE, FOUR, FIVE = NAMES[0], NAMES[3], NAMES[4]
STUB = b'{"cells": []}'


@pytest.fixture(scope="module")
def releases():
    return {
        name: nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4) for name in NAMES
    }


@pytest.fixture
def find(releases, tmp_path):
    """Make a folder and an archive with some files; find what is in both."""

    def find(files, only=None, archive=True):
        place = tmp_path / "class"
        write_folder(place, files)
        found = find_submissions(place, releases, only)
        if archive:
            write_zip(tmp_path / "class.zip", files)
            zipped = find_submissions(tmp_path / "class.zip", releases, only)
            assert [facts(each) for each in zipped] == [facts(each) for each in found]
        return found

    return find


def write_folder(place, files):
    place.mkdir(parents=True, exist_ok=True)
    # Changed in the order in which they are given, a minute apart.
    for minute, (name, data) in enumerate(files.items()):
        path = place / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(path, (1.7e9 + 60 * minute, 1.7e9 + 60 * minute))


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for minute, (name, data) in enumerate(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, minute, 0)), data)


def facts(each):
    return each.student, each.notebook, each.submitted, each.notes, each.problem


def handed_in(found):
    """Return who handed in what, of those without a problem."""
    return [(each.student, each.notebook) for each in found if not each.problem]


def source_of(releases, name):
    return dumps(releases[name]).encode()


# --------------------------------------------------------------------------- sources


def test_nbgraders_tree_with_its_times(find):
    found = find(
        {
            f"ada/{FOUR}/{FOUR}.ipynb": STUB,
            f"ada/{FOUR}/timestamp.txt": "2026-11-01 12:00:00.123456 UTC",
            f"ada/{FOUR}/course_helper.py": "x = 1",
            f"ada/{ONE}/{ONE}.ipynb": STUB,
            f"ada/{ONE}/timestamp.txt": "tomorrow",
            f"bob/{FOUR}/{FOUR}.ipynb": STUB,
            f"bob/{FOUR}/timestamp.txt": "2026-11-01 12:00:00 -0800",
            f"cem/{FOUR}/{FOUR}.ipynb": STUB,
            f"cem/{FOUR}/timestamp.txt": "2026-12-01 12:00:00.5 America/New_York\n",
        }
    )
    assert handed_in(found) == [("ada", ONE), ("ada", FOUR), ("bob", FOUR), ("cem", FOUR)]
    assert found[0].submitted is None
    assert found[0].notes == ("Its timestamp.txt does not hold a time.",)
    assert found[1].submitted == datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert found[2].submitted == datetime(2026, 11, 1, 20, tzinfo=UTC)
    assert found[3].submitted == datetime(2026, 12, 1, 17, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "mine",
    [
        {f"sub/{FOUR}.ipynb": STUB},
        {f"sub/{FOUR}.ipynb": STUB, "sub/timestamp.txt": "2026-01-01 12:00:00 UTC"},
        {f"{FOUR}.ipynb": STUB, f"sub/{FOUR}-2.ipynb": STUB},
    ],
)
def test_a_students_own_folders_do_not_change_the_time(find, mine):
    stamp = {f"ada/{FOUR}/timestamp.txt": "2026-11-01 12:00:00 UTC"}
    (only,) = find(stamp | {f"ada/{FOUR}/{name}": data for name, data in mine.items()})
    assert only.submitted == datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_one_notebook_asked_for_and_students_without_it(find):
    files = {
        f"ada/{FOUR}.ipynb": STUB,
        f"ada/{ONE}.ipynb": STUB,
        f"bob/{ONE}.ipynb": STUB,
        "cem/": b"",
        "dan/report.pdf": b"%PDF",
        "eve/work.zip": b"PK",
    }
    found = find(files, only=FOUR)
    assert handed_in(found) == [("ada", FOUR)]
    assert {each.student: each.problem for each in found[1:]} == {
        "bob": f"there is no {FOUR}.ipynb",
        "cem": f"there is no {FOUR}.ipynb",
        "dan": f"there is no {FOUR}.ipynb, only report.pdf",
        "eve": f"there is no {FOUR}.ipynb, only work.zip; unpack the archive there",
    }
    assert all(each.notebook == FOUR for each in found)
    with pytest.raises(CourseError, match=re.escape(f"there is no {FOUR}")):
        found[1].read()


def test_all_notebooks_and_students_without_any(find):
    files = {f"ada/{FOUR}.ipynb": STUB, f"ada/{ONE}.ipynb": STUB, "cem/": b"", "dan/a.pdf": b"%"}
    found = find(files)
    assert handed_in(found) == [("ada", ONE), ("ada", FOUR)]
    assert [(each.student, each.problem) for each in found[2:]] == [
        ("dan", "there is no notebook, only a.pdf")
    ]


def test_a_flat_folder_names_students_beside_the_notebook(find):
    found = find(
        {
            f"{FOUR}_ada.ipynb": STUB,
            f"Copy of {FOUR}-Bob Ross.ipynb": STUB,
            f"cem-{FOUR} (2).ipynb": STUB,
            "1234567_04 Convolution Filtering.ipynb": STUB,
            f"{ONE} (1).ipynb": STUB,
            "course_helper.py": b"x = 1",
        }
    )
    expected = [("1234567", FOUR), ("Bob_Ross", FOUR), ("ada", FOUR), ("cem", FOUR)]
    assert handed_in(found) == sorted(expected)
    (unknown,) = (each for each in found if each.problem)
    assert unknown.student == f"{ONE}_1" and "does not say whose" in unknown.problem


def test_a_flat_folder_of_students_names_is_told_by_content(find, releases):
    found = find({"ada.ipynb": source_of(releases, FOUR), "bob.ipynb": source_of(releases, ONE)})
    assert handed_in(found) == [("ada", FOUR), ("bob", ONE)]


@pytest.mark.parametrize("wrapper", ["", "submissions/"])
def test_canvas(find, wrapper):
    files = {
        f"leejohn_12345_67890_{FOUR}.ipynb": STUB,
        f"leejohn_777_67891_{FOUR}.ipynb": STUB,
        f"lovelaceada_LATE_12_67892_{FOUR}-2.ipynb": STUB,
        f"anon_x1Y2z_67893_{FOUR}.ipynb": STUB,
        f"LATE_anon_abcde_67894_Copy of {FOUR} (1)-3.ipynb": STUB,
        "bobross_13_67895_report.pdf": b"%PDF",
        "müllerjürgen_14_67896_04_convolution_filtering.ipynb": STUB,
    }
    found = find({wrapper + name: data for name, data in files.items()}, only=FOUR)
    late = {each.student: each.notes for each in found}
    assert late == {
        "leejohn_12345": (),
        "leejohn_777": (),
        "lovelaceada_12": ("Canvas marks it as late.",),
        "anon_x1Y2z": (),
        "anon_abcde": ("Canvas marks it as late.",),
        "bobross_13": (),
        "müllerjürgen_14": (),
    }
    problems = {each.student: each.problem for each in found if each.problem}
    assert problems == {"bobross_13": f"there is no {FOUR}.ipynb, only report.pdf"}


def test_who_handed_in_by_canvas_is_in_its_roster(find, tmp_path):
    """The files of the download are named by the ID, the roster's people by login."""
    names = ("müllerjürgen_14_67896", "leejohn_LATE_12345_67890", "leejohn_777_67891")
    students = [each.student for each in find({f"{n}_{FOUR}.ipynb": STUB for n in names})]
    people = (
        'Student,ID,SIS Login ID,Section\n"Müller, Jürgen",14,jm@uni,S\n"Lee, John",12345,jl,S\n'
    )
    (tmp_path / "roster.csv").write_text(people, encoding="utf-8")
    rows = [Row(student, FOUR, "e", "c", 1, 1, "passed", "") for student in students]
    said = write_canvas(rows, tmp_path / "roster.csv", tmp_path / "canvas.csv")
    table = (tmp_path / "canvas.csv").read_text(encoding="utf-8").splitlines()[2:]
    assert [line.split('",')[0].strip('"') for line in table] == ["Lee, John", "Müller, Jürgen"]
    assert said == ["leejohn_777 is not in the roster and is left out"]


def test_canvas_resubmissions_by_their_number(find):
    names = [f"lee_1_{n}_{FOUR}{mark}.ipynb" for n, mark in ((30, "-10"), (41, "-9"), (52, ""))]
    (only,) = find(dict.fromkeys(names, STUB))
    assert names[0] in only.place
    assert only.notes == (f"3 versions were handed in; the last one ({names[0]}) counts.",)


@pytest.mark.parametrize(
    "names",
    [
        ("John Lee_111_assignsubmission_file_/", "Ada_2_assignsubmission_file_/a/"),
        ("John Lee_111_assignsubmission_file/", "Ada_2_assignsubmission_file/"),
        ("John Lee_111_assignsubmission_file_", "Ada_2_assignsubmission_file_"),
        ("HW/John Lee_111_assignsubmission_file_/", "HW/Ada_2_assignsubmission_file_/"),
    ],
)
def test_moodle(find, names):
    found = find({f"{name}{FOUR}.ipynb": STUB for name in names})
    assert handed_in(found) == [("Ada", FOUR), ("John_Lee", FOUR)]


def test_moodle_tells_namesakes_apart_and_sees_who_only_wrote_text(find):
    found = find(
        {
            f"John Lee_111_assignsubmission_file_/{FOUR}.ipynb": STUB,
            f"John Lee_222_assignsubmission_file_/{FOUR}.ipynb": STUB,
            "Bob Ross_333_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
        },
        only=FOUR,
    )
    assert handed_in(found) == [("John_Lee_111", FOUR), ("John_Lee_222", FOUR)]
    assert found[0].student == "Bob_Ross" and "only onlinetext.html" in found[0].problem


def test_a_students_own_folder_is_not_a_download_of_moodle(find):
    files = {
        f"ada/bob_1_assignsubmission_file_/{FOUR}.ipynb": b"ada's",
        f"bob/{FOUR}.ipynb": b"bob's",
        "cem/": b"",
    }
    found = find(files, only=FOUR)
    assert [(each.student, bool(each.problem)) for each in found] == [
        *(("ada", False), ("bob", False), ("cem", True))
    ]
    assert [each.read() for each in found[:2]] == [b"ada's", b"bob's"]


@pytest.mark.parametrize(
    ("name", "student"),
    [
        (f"Ada_2_assignsubmission_file_Bob_3_assignsubmission_file_{FOUR}.ipynb", "Ada"),
        (f"leeada_12_6789_Bob_3_assignsubmission_file_{FOUR}.ipynb", "leeada_12"),
        (
            f"HW_ada_attempt_2026-11-02-09-30-00_Bob_3_assignsubmission_file_{FOUR}.ipynb",
            "ada",
        ),
    ],
)
def test_a_file_called_like_one_of_moodle_stays_its_students(find, name, student):
    assert handed_in(find({name: STUB})) == [(student, FOUR)]


def test_blackboard_and_its_attempts(find):
    found = find(
        {
            f"Homework_4_jlee_attempt_2026-11-02-09-30-00_{FOUR}.ipynb": STUB,
            f"Homework_4_jlee_attempt_2026-11-01-12-00-00_{FOUR}.ipynb": STUB,
            "Homework_4_jlee_attempt_2026-11-02-09-30-00.txt": b"Name: John Lee",
            f"Homework_4_ada_attempt_2026-99-01-12-00-00_{FOUR}.ipynb": STUB,
        }
    )
    assert handed_in(found) == [("ada", FOUR), ("jlee", FOUR)]
    assert found[1].submitted == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    assert found[1].notes[0].startswith("2 versions were handed in; the last one (Homework_4_jlee")
    assert found[0].submitted is None


def test_a_file_called_like_one_of_blackboard_stays_its_students(find):
    ada, bob = "HW_1_ada_attempt_2027-01-02-10-00-00", "HW_1_bob_attempt_2027-01-02-11-00-00"
    found = find(
        {
            f"{ada}_x_bob_attempt_2027-02-12-23-59-59_{FOUR}.ipynb": b"ada's",
            f"{bob}_{FOUR}.ipynb": b"bob's",
        }
    )
    assert handed_in(found) == [("ada", FOUR), ("bob", FOUR)]
    assert [each.read() for each in found] == [b"ada's", b"bob's"]
    assert found[0].submitted == datetime(2027, 1, 2, 10, tzinfo=UTC)
    assert found[0].notes == (
        "Handed in under a name that looks like Blackboard's for another attempt: "
        f"x_bob_attempt_2027-02-12-23-59-59_{FOUR}.ipynb.",
    )
    assert found[1].notes == ()


GRADESCOPE = """\
---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '1001'
    :email: ada@uni.example
  :created_at: 2026-10-31 22:15:00.123456789 -07:00
  :score: 3.0
  :history:
  - :id: 17
    :created_at: 2026-10-30 10:00:00.000000000 Z
submission_2:
  :submitters:
  - :name: Bob Ross
    :sid:
    :email: bob@uni.example
  - :name: Cem Kaya
    :sid: 1003
    :email: cem@uni.example
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &1 2026-11-01 10:00:00.000000000 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
    time: *1
submission_3:
  :submitters:
  - :name: Dan Brown
  :created_at: never
submission_4:
  :submitters: []
"""


@pytest.mark.parametrize("wrapper", ["", "assignment_99_export/"])
def test_gradescope(find, wrapper):
    files = {
        "submission_metadata.yml": GRADESCOPE.encode(),
        f"submission_1/{FOUR}.ipynb": STUB,
        f"submission_2/{FOUR}.ipynb": STUB,
        "submission_3/report.pdf": b"%PDF",
        f"submission_4/{FOUR}.ipynb": STUB,
        f"submission_5/{FOUR}.ipynb": STUB,
    }
    found = find({wrapper + name: data for name, data in files.items()}, only=FOUR)
    by_student = {each.student: each for each in found}
    assert list(by_student) == [
        *("1001", "1003", "Dan_Brown", "bob@uni.example", "submission_4", "submission_5")
    ]
    ada, cem = by_student["1001"], by_student["1003"]
    assert ada.submitted == datetime(2026, 11, 1, 5, 15, 0, 123456, tzinfo=UTC)
    assert cem.submitted == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert cem.notes == ("Handed in together with bob@uni.example.",)
    assert "only report.pdf" in by_student["Dan_Brown"].problem
    assert "does not say whose" in by_student["submission_4"].notes[0]
    assert ada.read() == STUB


def people(*submissions):
    """Return Gradescope's metadata of submissions, each a list of (sid, e-mail address, name)."""
    keys = (":sid", ":email", ":name")
    entries = {
        f"submission_{number}": {
            ":submitters": [dict(zip(keys, person, strict=True)) for person in group],
            ":created_at": f"2026-11-0{number} 12:00:00 Z",
        }
        for number, group in enumerate(submissions, start=1)
    }
    return json.dumps(entries)


@pytest.mark.parametrize("claimed", ["bob@uni.example", "BOB@uni.example", "bob@uni.example "])
def test_an_id_that_is_anothers_address_is_not_the_other(find, claimed):
    metadata = people(
        [(claimed, "ada@uni.example", "Ada")],
        [("", "bob@uni.example", "Bob")],
        [("1003", "cem@uni.example", "Cem")],
    )
    files = {f"submission_{n}/{FOUR}.ipynb": f"{n}".encode() for n in (1, 2, 3)}
    found = find({"submission_metadata.yml": metadata, **files})
    cem, *others = found
    assert (cem.student, cem.notes) == ("1003", ())
    assert sorted(each.read() for each in others) == [b"1", b"2"]
    for each in others:
        folder = f"submission_{each.read().decode()}"
        assert re.fullmatch(r"bob@uni\.example_[0-9a-f]{16}", each.student, re.IGNORECASE)
        assert each.notes[0].startswith("Gradescope gives several people the id")
        assert folder in each.notes[0] and "ada@" not in each.notes[0]
    # Who it is does not change when only one of them hands in again.
    again = people(
        [(claimed, "ada@uni.example", "Ada")],
        [("", "bob@uni.example", "Bob")],
        [("", "bob@uni.example", "Bob")],
    )
    later = find({"submission_metadata.yml": again, **files})
    assert [each.student for each in later] == [each.student for each in others]


def test_one_person_in_several_submissions_and_a_group_is_one(find):
    ada, bob = ("1001", "ada@uni.example", "Ada"), ("1002", "bob@uni.example", "Bob")
    files = {f"submission_{n}/{FOUR}.ipynb": f"{n}".encode() for n in (1, 2, 3)}
    found = find({"submission_metadata.yml": people([ada], [ada, bob], [bob]), **files})
    assert [(each.student, each.read()) for each in found] == [("1001", b"2"), ("1002", b"3")]
    assert not any("several people" in note for each in found for note in each.notes)


def test_a_lone_student_cannot_write_gradescopes_metadata(find):
    metadata = people([("bob", "bob@uni.example", "Bob")])
    files = {"ada/submission_metadata.yml": metadata, f"ada/submission_1/{FOUR}.ipynb": STUB}
    with pytest.raises(CourseError, match=r"submission_metadata\.yml: .* give that folder itself"):
        find(files)


def test_a_lone_student_cannot_write_gradescopes_metadata_in_an_archive(releases, tmp_path):
    metadata = people([("bob", "bob@uni.example", "Bob")])
    files = {"ada/submission_metadata.yml": metadata, f"ada/submission_1/{FOUR}.ipynb": STUB}
    write_zip(tmp_path / "a.zip", files)
    with pytest.raises(CourseError, match="give that folder itself"):
        find_submissions(tmp_path / "a.zip", releases)


@pytest.mark.parametrize("text", ["- 1", "a: [", "!!python/object/apply:os.system [x]", "\x00"])
def test_broken_metadata_of_gradescope_are_told(find, text):
    files = {"submission_metadata.yml": text, f"submission_1/{FOUR}.ipynb": STUB}
    with pytest.raises(CourseError, match="export the submissions again"):
        find(files)


# ------------------------------------------------------------------- which notebook


@pytest.mark.parametrize(
    "name",
    [
        f"{FOUR}.ipynb",
        f"Copy of {FOUR}.ipynb",
        f"Copy of Copy of {FOUR}.ipynb",
        f"Kopie van {FOUR}.ipynb",
        f"{FOUR} (1).ipynb",
        f"{FOUR}(12).ipynb",
        f"{FOUR}-2.ipynb",
        f"{FOUR}-Copy1.ipynb",
        f"{FOUR} copy 2.ipynb",
        f"{FOUR}_ada.ipynb",
        f"ada-{FOUR}_v2.ipynb",
        "04 convolution filtering.ipynb",
        "Convolution-Filtering.IPYNB",
        f"{FOUR}.ipynb.txt",
        f"{FOUR}.ipynb.json",
    ],
)
def test_a_file_name_tells_the_notebook(find, name):
    assert handed_in(find({f"ada/{name}": STUB})) == [("ada", FOUR)]


def test_a_folder_tells_where_the_name_does_not(find):
    assert handed_in(find({f"ada/{FOUR}/Untitled.ipynb": STUB})) == [("ada", FOUR)]


@pytest.mark.parametrize("stripped", [False, True])
def test_the_content_tells_where_names_do_not(find, releases, stripped):
    data = source_of(releases, FOUR)
    if stripped:
        notebook = json.loads(data)
        for cell in notebook["cells"]:
            cell["metadata"] = {}
        data = json.dumps(notebook).encode()
    assert handed_in(find({"ada/homework.ipynb": data})) == [("ada", FOUR)]


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_is_told_by_its_content(find, releases, name):
    assert handed_in(find({"ada/x.ipynb": source_of(releases, name)})) == [("ada", name)]


def test_another_notebook_under_the_name_is_a_problem(find, releases):
    (only,) = find({f"ada/{FOUR}.ipynb": source_of(releases, FIVE)}, only=FOUR)
    assert only.problem == f"this is not {FOUR} (it looks like {FIVE}); ask for the right file"


def test_what_nobody_can_tell_is_a_problem_not_a_silent_skip(find):
    files = {"ada/Untitled.ipynb": STUB, "ada/Untitled1.ipynb": STUB, f"bob/{FOUR}.ipynb": STUB}
    found = find(files)
    assert (found[0].student, found[0].notebook) == ("ada", "")
    assert "Untitled.ipynb, Untitled1.ipynb; rename it" in found[0].problem
    assert find(files, only=FOUR)[0].notebook == FOUR


def test_a_scratch_file_beside_the_notebook_asked_for_is_noted(find):
    (only,) = find({f"ada/{FOUR}.ipynb": STUB, "ada/scratch.ipynb": STUB}, only=FOUR)
    assert only.problem == ""
    assert only.notes == ("Left out, because it is no notebook of the course: scratch.ipynb.",)


# ------------------------------------------------------------------------- versions


def test_of_copies_the_highest_number_counts(find):
    (numbered,) = find({f"ada/{FOUR} (2).ipynb": STUB, f"ada/{FOUR}.ipynb": STUB})
    assert numbered.notes == (
        f"2 versions were handed in; the last one ({FOUR} (2).ipynb) counts.",
    )


def test_of_copies_without_a_number_the_one_changed_last_counts(find):
    (changed,) = find({f"ada/{FOUR}.ipynb": STUB, f"ada/Copy of {FOUR}.ipynb": STUB})
    assert "Copy of" in changed.place and "2 versions" in changed.notes[0]


def test_the_named_file_counts_and_not_one_beside_it(find):
    (only,) = find({f"ada/{FOUR}/{FOUR}.ipynb": STUB, f"ada/{FOUR}/try.ipynb": STUB})
    assert only.place.endswith(f"{FOUR}.ipynb")


# ------------------------------------------------------------------------- students


def test_names_become_safe_and_different(find):
    names = ["Ada L", "Ada_L", "ada_l", "weird..", "CON", "李 雷", "-rf", "x" * 100]
    found = find({f"{name}/{FOUR}.ipynb": STUB for name in names}, archive=False)
    students = [each.student for each in found]
    assert len({student.casefold() for student in students}) == len(names)
    assert "Ada_L" in students and "李_雷" in students and "CON_" in students
    for student in students:
        assert re.fullmatch(r"[\w@][\w.@-]{0,80}", student)
    assert safe_name("e\u0301") == "é" and safe_name("///") == "student"


def test_ids_do_not_depend_on_the_order_of_files(releases, tmp_path):
    for place, names in (("a", ["A b", "A_b", "a b"]), ("b", ["a b", "A b", "A_b"])):
        write_folder(tmp_path / place, {f"{name}/{FOUR}.ipynb": STUB for name in names})
    first, second = (find_submissions(tmp_path / place, releases) for place in "ab")
    assert [each.student for each in first] == [each.student for each in second]


# ---------------------------------------------------------------------------- files


def test_what_systems_leave_behind_is_ignored(find):
    found = find(
        {
            f"ada/{FOUR}.ipynb": STUB,
            f"ada/.ipynb_checkpoints/{FOUR}-checkpoint.ipynb": STUB,
            f"ada/._{FOUR}.ipynb": STUB,
            f"__MACOSX/ada/{FOUR}.ipynb": STUB,
            f".hidden/{FOUR}.ipynb": STUB,
            "ada/helper.py": b"",
        }
    )
    assert [facts(each) for each in found] == [("ada", FOUR, None, (), "")]


def test_submissions_read_late_and_travel(find):
    (only,) = find({f"ada/{FOUR}.ipynb": STUB})
    assert pickle.loads(pickle.dumps(only)).read() == STUB
    only.file.path.write_bytes(b"changed")
    assert only.read() == b"changed"
    only.file.path.unlink()
    with pytest.raises(CourseError, match=r"cannot be read: .*; download it again"):
        only.read()


def test_too_large_files_are_a_problem(find, monkeypatch):
    monkeypatch.setattr(listing, "MAX_FILE", 1_000_000)
    (only,) = find({f"ada/{FOUR}.ipynb": b" " * 1_000_001})
    assert only.problem.startswith("larger than 1 MB")


def test_links_are_followed_only_within_their_folder(releases, tmp_path):
    write_folder(tmp_path / "class", {f"ada/{FOUR}.ipynb": STUB, "bob/": b"", "cem/": b""})
    write_folder(tmp_path / "secret", {f"{FOUR}.ipynb": b"secret"})
    place = tmp_path / "class"
    (place / "bob" / f"{FOUR}.ipynb").symlink_to(place / "ada" / f"{FOUR}.ipynb")
    (place / "cem" / f"{FOUR}.ipynb").symlink_to(tmp_path / "secret" / f"{FOUR}.ipynb")
    (place / "dan").symlink_to(tmp_path / "secret", target_is_directory=True)
    (place / "eve").symlink_to(place / "ada", target_is_directory=True)
    write_folder(place, {"fay/attempt.ipynb": STUB, "gus/": b"", "hal/": b""})
    (place / "fay" / f"{FOUR}.ipynb").symlink_to("attempt.ipynb")
    (place / "gus" / f"{FOUR}.ipynb").symlink_to(f"{FOUR}.ipynb")
    (place / "hal" / f"{FOUR}.ipynb").symlink_to("nothing.ipynb")
    os.mkfifo(place / "ada" / f"{ONE}.ipynb")
    found = {each.student: each for each in find_submissions(place, releases, FOUR)}
    assert sorted(found) == ["ada", "bob", "cem", "dan", "fay", "gus", "hal"]
    assert found["fay"].read() == STUB
    for student in ("gus", "hal"):
        assert "symbolic link to nothing" in found[student].problem
    for student in ("bob", "cem", "dan"):
        assert "symbolic link that leads out" in found[student].problem
        with pytest.raises(CourseError, match="symbolic link"):
            found[student].read()


def test_names_that_are_not_utf8_can_be_printed(releases, tmp_path):
    folder = tmp_path / os.fsdecode(b"J\xfcrgen")
    folder.mkdir()
    (folder / f"{FOUR}.ipynb").write_bytes(STUB)
    (only,) = find_submissions(tmp_path, releases)
    assert only.read() == STUB
    assert only.place.encode("utf-8") and only.student == "J_rgen"


def test_names_that_look_alike_once_printed_are_two_students(find):
    files = {f"J{odd}rgen/{FOUR}.ipynb": STUB for odd in ("\x01", "\x02", "\ufffd")}
    found = find(files)
    assert [each.notebook for each in found] == [FOUR] * 3
    students = {each.student for each in found}
    assert len(students) == 3 and "J_rgen" in students


# ------------------------------------------------------------------------- archives


def change_first_member(path, **fields):
    """Write a field of the first member that zipfile would not write like that."""
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    for start, local in ((0, True), (central, False)):
        if "flags" in fields:
            data[start + (6 if local else 8)] |= fields["flags"]
        if "size" in fields:
            at = start + (22 if local else 24)
            data[at : at + 4] = fields["size"].to_bytes(4, "little")
    path.write_bytes(data)


def archive_of(path, *members):
    """Write an archive of (ZipInfo or name, data)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"../../ada/{FOUR}.ipynb", "leads out of the archive"),
        (f"/ada/{FOUR}.ipynb", "leads out of the archive"),
        (f"C:\\ada\\{FOUR}.ipynb", "leads out of the archive"),
        (f"ada\\..\\..\\{FOUR}.ipynb", "leads out of the archive"),
    ],
)
def test_paths_that_leave_an_archive_are_a_problem(releases, tmp_path, name, reason):
    path = archive_of(tmp_path / "a.zip", (name, STUB), (f"bob/{FOUR}.ipynb", STUB))
    found = find_submissions(path, releases)
    assert handed_in(found) == [("bob", FOUR)]
    (bad,) = (each for each in found if each.problem)
    assert reason in bad.problem
    assert sorted(tmp_path.iterdir()) == [path]


def test_links_encrypted_and_oddly_packed_members_are_problems(releases, tmp_path):
    link = zipfile.ZipInfo(f"ada/{FOUR}.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive_of(tmp_path / "a.zip", (link, "/etc/passwd"), (f"bob/{FOUR}.ipynb", STUB))
    assert "symbolic link" in find_submissions(path, releases)[0].problem
    path = archive_of(tmp_path / "b.zip", (f"ada/{FOUR}.ipynb", STUB))
    change_first_member(path, flags=1)
    assert "encrypted" in find_submissions(path, releases)[0].problem
    odd = zipfile.ZipInfo(f"ada/{FOUR}.ipynb")
    odd.compress_type = zipfile.ZIP_BZIP2
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr(odd, STUB)
    assert "unusual way" in find_submissions(tmp_path / "c.zip", releases)[0].problem


def test_bombs_are_stopped_by_what_comes_out_of_them(releases, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_FILE", 2_000_000)
    path = archive_of(tmp_path / "a.zip", (f"ada/{FOUR}.ipynb", b"\0" * 50_000_000))
    start = time.process_time()
    assert find_submissions(path, releases)[0].problem.startswith("larger than 2 MB")
    change_first_member(path, size=10)  # a lie that looks harmless
    assert find_submissions(path, releases)[0].problem.startswith("cannot be read")
    assert time.process_time() - start < 1


def test_bombs_are_not_held_in_memory(releases, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_FILE", 2_000_000)
    path = archive_of(tmp_path / "a.zip", (f"ada/{FOUR}.ipynb", b"\0" * 50_000_000))
    tracemalloc.start()
    assert find_submissions(path, releases)[0].problem.startswith("larger than 2 MB")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15_000_000


def test_damaged_members_and_archives_within_archives_are_problems(releases, tmp_path):
    inner = archive_of(tmp_path / "inner.zip", (f"{FOUR}.ipynb", STUB)).read_bytes()
    members = [(f"ada/{FOUR}.ipynb", os.urandom(9999)), ("bob/work.zip", inner)]
    path = archive_of(tmp_path / "a.zip", *members)
    data = bytearray(path.read_bytes())
    data[500] ^= 255
    path.write_bytes(data)
    ada, bob = find_submissions(path, releases)
    assert ada.problem.startswith("cannot be read")
    assert bob.problem == "there is no notebook, only work.zip; unpack the archive there"


def test_a_damaged_name_inside_of_an_archive_is_a_problem(releases, tmp_path):
    members = [(f"Jürgen/{FOUR}.ipynb", STUB), (f"bob/{FOUR}.ipynb", STUB)]
    path = archive_of(tmp_path / "a.zip", *members)
    data = path.read_bytes()
    assert data.index("ü".encode()) < data.index(b"PK\x01\x02")
    path.write_bytes(data.replace("ü".encode(), b"\xff\xff", 1))  # not in the table of contents
    jurgen, bob = sorted(find_submissions(path, releases), key=lambda each: not each.problem)
    assert jurgen.student == "Jürgen" and jurgen.problem.startswith("cannot be read")
    assert bob.read() == STUB


def test_a_damaged_table_of_people_is_named(releases, tmp_path):
    members = [(f"submission_1/{FOUR}.ipynb", STUB), ("submission_metadata.yml", os.urandom(999))]
    path = archive_of(tmp_path / "a.zip", *members)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") - 100] ^= 255
    path.write_bytes(data)
    with pytest.raises(CourseError, match=r"a\.zip: submission_metadata\.yml: cannot be read"):
        find_submissions(path, releases)


def test_names_in_utf8_without_a_flag_are_read(releases, tmp_path):
    path = archive_of(tmp_path / "a.zip", (f"J12rgen/{FOUR}.ipynb", STUB))
    path.write_bytes(path.read_bytes().replace(b"J12rgen", "Jürgen".encode()))
    assert find_submissions(path, releases)[0].student == "Jürgen"


def test_a_folder_around_all_students_in_an_archive(releases, tmp_path):
    members = [(f"class/{who}/{FOUR}.ipynb", STUB) for who in ("ada", "bob")]
    path = archive_of(tmp_path / "a.zip", *members)
    assert handed_in(find_submissions(path, releases)) == [("ada", FOUR), ("bob", FOUR)]
    members = [(f"ada/{name}/{name}.ipynb", STUB) for name in (ONE, FOUR)]
    path = archive_of(tmp_path / "b.zip", *members)
    assert handed_in(find_submissions(path, releases)) == [("ada", ONE), ("ada", FOUR)]
    path = archive_of(tmp_path / "c.zip", (f"submitted/ada/{FOUR}/{FOUR}.ipynb", STUB))
    assert handed_in(find_submissions(path, releases)) == [("ada", FOUR)]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no notebook in it; give a folder with STUDENT/NOTEBOOK.ipynb"),
        ({"a.txt": b"x"}, "no notebook in it"),
        ({"submissions.zip": b"x"}, "only submissions.zip; give that archive itself"),
    ],
)
def test_nothing_found_says_what_to_give(find, files, reason):
    with pytest.raises(CourseError, match=re.escape(reason)):
        find(files)


def test_places_that_are_none_say_what_to_give(releases, tmp_path):
    with pytest.raises(CourseError, match="there is no such folder or zip archive"):
        find_submissions(tmp_path / "nowhere", releases)
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(CourseError, match="neither a folder nor a readable zip archive"):
        find_submissions(tmp_path / "a.zip", releases)
    write_folder(tmp_path / "class", {f"ada/{ONE}.ipynb": STUB})
    with pytest.raises(CourseError, match=f"no submission of {FOUR} in it"):
        find_submissions(tmp_path / "class", releases, FOUR)


def test_a_place_with_far_too_many_files_is_refused(releases, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_FILES", 10)
    write_folder(tmp_path / "class", {f"{n}/x.txt": b"" for n in range(20)})
    with pytest.raises(CourseError, match="more than 10 files"):
        find_submissions(tmp_path / "class", releases)


def test_four_hundred_submissions_are_found_in_seconds(releases, tmp_path):
    data = source_of(releases, FOUR)
    files = {f"name{n}_{n}_{n + 1000}_{FOUR}.ipynb": data for n in range(400)}
    write_zip(tmp_path / "canvas.zip", files)
    start = time.process_time()
    assert len(handed_in(find_submissions(tmp_path / "canvas.zip", releases))) == 400
    assert time.process_time() - start < 20  # measured: 3


def test_archives_made_by_other_programs(releases, tmp_path):
    write_folder(tmp_path / "class", {f"Jürgen/{FOUR}.ipynb": STUB})
    command = [sys.executable, "-m", "zipfile", "-c", "class.zip", "class"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (only,) = find_submissions(tmp_path / "class.zip", releases)
    assert (only.student, only.notebook) == ("class", FOUR)  # one folder: who could know
