"""Whatever a file, a name or an archive holds: a result that keeps its promises, or CourseError."""

import json
import os
import re
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.errors import CourseError
from autograder.intake.listing import File, list_files
from autograder.intake.reading import (
    CELL_ID,
    MAX_CELL_OUTPUT,
    PICTURE_NAME,
    PICTURES,
    Given,
    read_cells,
)
from autograder.intake.sources import RESERVED, Owner, give_ids

HOSTILE = settings(derandomize=True, deadline=None, max_examples=200)

# ------------------------------------------------------------------------------ read_cells

ODD = ("\ud800", "\udc00x", "\0", "a\r\nb", "x" * 70, "\U0001f600", "")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*ODD, "code", "markdown", "heading", "stream", "error", "image/png", "AAAA"]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def record(**fields):
    """Return a strategy for objects in which any field may be missing, odd or as named."""
    return st.fixed_dictionaries(
        {}, optional={key: value | anything for key, value in fields.items()}
    )


outputs = record(
    output_type=st.sampled_from(["stream", "error", "execute_result", "display_data", "pyout"]),
    name=st.sampled_from(["stdout", "stderr"]),
    text=st.lists(st.text(max_size=5), max_size=3),
    traceback=st.lists(st.text(max_size=5), max_size=3),
    data=record(**{"text/plain": st.text(max_size=5), "image/png": st.just("AAAA")}),
)
cells = record(
    cell_type=st.sampled_from(["code", "markdown", "raw", "heading"]),
    source=st.lists(st.text(max_size=9) | st.sampled_from(ODD), max_size=3),
    input=st.text(max_size=5),
    id=st.text(max_size=5),
    level=st.integers(-1, 9),
    execution_count=st.integers(),
    metadata=record(nbgrader=record(grade_id=st.text(max_size=5), points=st.floats())),
    outputs=st.lists(outputs, max_size=3),
    attachments=st.dictionaries(
        st.text(max_size=5), record(**{"image/png": st.sampled_from(["AAAA", "<"])}), max_size=2
    ),
)
notebooks = record(
    cells=st.lists(cells | anything, max_size=4),
    worksheets=st.lists(record(cells=st.lists(cells, max_size=3)), max_size=2),
)


def check_cell(cell):
    assert type(cell) is Given and cell.cell_type in ("code", "markdown", "raw")
    assert cell.source.encode("utf-8") is not None and "\r\n" not in cell.source
    assert cell.id == "" or CELL_ID.fullmatch(cell.id)
    assert cell.claim == {} or type(cell.claim["grade_id"]) is str
    assert all(isinstance(value, (str, bool, int, float)) for value in cell.claim.values())
    assert cell.execution_count is None or 0 < cell.execution_count < 1_000_000
    assert cell.cell_type == "code" or not cell.outputs
    for output in cell.outputs:
        assert output.output_type in ("stream", "error", "execute_result", "display_data")
        assert set(output.get("data", {})) <= {"text/plain", "image/png"}
    assert len(json.dumps(cell.outputs).encode("utf-8")) < 10 * MAX_CELL_OUTPUT
    for name, kinds in cell.attachments.items():
        assert PICTURE_NAME.fullmatch(name) and set(kinds) <= set(PICTURES)


@HOSTILE
@given(notebooks.map(lambda notebook: json.dumps(notebook).encode()) | st.binary(max_size=80))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b'{"cells": ' * 100_000)
@example(b'{"cells": [{"level": ' + b"9" * 5000 + b"}]}")
@example(b'{"cells": [{"source": NaN, "id": Infinity}]}')
def test_a_file_is_clean_cells_or_a_course_error(data):
    try:
        given_cells, notes = read_cells(data)
    except CourseError as error:
        assert "\n" not in error.message and len(error.message) < 300
        return
    assert all(type(note) is str for note in notes)
    for cell in given_cells:
        check_cell(cell)


# ------------------------------------------------------------------------------- list_files

part = st.one_of(
    st.sampled_from(["..", ".", "", "ada", "C:", "a\\b", "__MACOSX", ".x", "\x01", "\ufffd", "ü"]),
    st.text(st.characters(exclude_characters="/"), min_size=1, max_size=6),
)
names = st.lists(part, min_size=1, max_size=4).map("/".join)


def check_listing(files, folders, allowed):
    """Check that files are listed once, by parts that lead nowhere else."""
    places = [(file.path, file.member) for file in files]
    assert len(set(places)) == len(places) <= allowed
    for parts in [*folders, *(file.parts for file in files)]:
        assert parts and not {"", "..", "."}.intersection(parts)
        for each in parts:
            assert "/" not in each and not each.startswith(".") and each.isprintable()
            assert each.encode("utf-8")
    assert all(
        file.parts[:depth] in folders for file in files for depth in range(1, len(file.parts))
    )


def check_readable(file: File):
    try:
        assert type(file.read()) is bytes
    except CourseError as error:
        assert "\n" not in error.message


@pytest.mark.filterwarnings("ignore:Duplicate name")
@HOSTILE
@given(st.lists(names, max_size=6), st.data())
def test_an_archive_with_odd_names_is_listed_and_read_or_a_course_error(members, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name in members:
                try:
                    archive.writestr(zipfile.ZipInfo(name), b"x")
                except UnicodeEncodeError:  # nor can any other program write it
                    continue
        content = bytearray(path.read_bytes())
        # One byte or another is damaged, most often none.
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=2)):
            content[at] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            files, folders = list_files(path)
        except CourseError:
            return
        check_listing(files, folders, allowed=len(members))
        for file in files:
            check_readable(file)
        assert [each.name for each in Path(folder).iterdir()] == ["a.zip"]


@HOSTILE
@given(st.binary(max_size=100))
@example(b"PK\x05\x06" + bytes(18))
@example(b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 9, 9, 2**32 - 1, 2**32 - 1, 0))
def test_any_bytes_called_an_archive_are_listed_or_a_course_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        path.write_bytes(content)
        try:
            check_listing(*list_files(path), allowed=0)
        except CourseError as error:
            assert "\n" not in error.message


@HOSTILE
@given(st.lists(st.binary(min_size=1, max_size=12), max_size=6, unique=True))
@example([b"J\xfcrgen", b"J\xffrgen", b"\n", b"a\x1b[31m", b"..."])
def test_a_folder_with_odd_names_is_listed(found):
    with tempfile.TemporaryDirectory() as folder:
        made = 0
        for name in found:
            try:
                Path(folder, os.fsdecode(name)).write_bytes(b"x")
            except (OSError, ValueError):  # no name of a file on this system
                continue
            made += not name.startswith(b".")
        files, folders = list_files(Path(folder))
        assert not folders
        check_listing(files, folders, allowed=made)
        for file in files:
            check_readable(file)


# ---------------------------------------------------------------------------------- give_ids

owners = st.builds(
    Owner,
    st.one_of(
        st.text(max_size=8),
        st.text(st.sampled_from("aAbB _-.ß\u0301éÉ"), max_size=4),
        st.sampled_from(["CON", "con", "nul.txt", "student", "", "a" * 59 + "._", "ﬁ", "İ", "ı"]),
    ),
    st.one_of(st.just(""), st.integers(0, 3).map(str)),
)


@HOSTILE
@given(st.lists(owners, max_size=12))
@example([Owner("NUL.0"), Owner("COM¹"), Owner("con.a.b", "2"), Owner("CON.a.b", "3")])
@example([Owner(""), Owner("student"), Owner("/"), Owner("STUDENT")])
@example([Owner("a", "1"), Owner("a_1"), Owner("A", "1")])
def test_ids_are_safe_names_and_no_two_are_the_same_on_any_system(people):
    ids = give_ids(people)
    assert set(ids) == set(people)
    assert len({name.casefold() for name in ids.values()}) == len(ids)
    for name in ids.values():
        assert 0 < len(name) < 100 and not re.search(r'[/\\:*?"<>|\s\0]', name)
        assert name[0] not in ".-" and name[-1] != "." and not RESERVED.fullmatch(name)
        assert name.encode("utf-8")
    assert give_ids(people[::-1]) == ids
