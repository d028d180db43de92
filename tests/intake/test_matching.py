"""Submissions of any quality become notebooks that a grader can run, or one sentence."""

import copy
import json
import time

import nbformat
import pytest

from autograder.course.cells import with_answers
from autograder.course.compose import dumps
from autograder.errors import CourseError
from autograder.intake import matching
from autograder.intake.matching import match
from autograder.intake.reading import MAX_CELL, MAX_PICTURES, TOO_LARGE
from tests.support.course import answers_of
from tests.support.released import NAME, NAMES, check_promises, key_of, release_text, released

ANSWER = 'def one_hot(labels, classes):\n    """Mine."""\n    return torch.eye(classes)[labels]'


def submission(name=NAME):
    """Return the released notebook as plain data, to break."""
    return json.loads(release_text(name))


def place(notebook, key):
    return next(n for n, cell in enumerate(notebook["cells"]) if key_of(cell) == key)


def cell(notebook, key):
    return notebook["cells"][place(notebook, key)]


def code(source, **fields):
    made = {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}
    return made | {"execution_count": None, **fields}


def text(source, **fields):
    return {"cell_type": "markdown", "metadata": {}, "source": source, **fields}


def stripped(notebook):
    """Remove what Colab may remove: all metadata and cell ids."""
    for each in notebook["cells"]:
        each["metadata"] = {}
        each.pop("id", None)
    return notebook


def matched(notebook, name=NAME):
    """Match, and check what must hold of every result."""
    result = match(json.dumps(notebook).encode(), released(name))
    check_promises(result.notebook, name)
    return result


def sources(notebook):
    return [each.source for each in notebook.cells]


# ------------------------------------------------------------------ nothing is wrong


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_notebook_comes_back_as_it_is(name):
    result = match(release_text(name).encode(), released(name))
    assert result.notebook == released(name)
    assert result.notes == ()


@pytest.mark.parametrize("name", NAMES)
def test_without_any_metadata_and_ids_every_cell_finds_its_place(name):
    assert matched(stripped(submission(name)), name).notebook == released(name)


def test_the_release_is_not_changed():
    before = copy.deepcopy(released())
    result = matched(submission())
    for each in result.notebook.cells:
        each.metadata["touched"] = True
        each.source = ""
    assert released() == before


def test_answers_own_cells_and_edits_of_plain_cells_stay():
    notebook = submission()
    cell(notebook, "one_hot")["source"] = ANSWER.splitlines(True)
    cell(notebook, "hyper_parameters")["source"] = "Sixteen units."
    at = place(notebook, "one_hot")
    notebook["cells"].insert(at, code("import einops", metadata={"collapsed": True}))
    notebook["cells"].insert(at + 2, text("A remark."))
    imports = next(c for c in notebook["cells"] if "import math" in c["source"][0])
    imports["source"].append("\nimport itertools")
    result = matched(notebook)
    assert result.notes == ()
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert cell(result.notebook, "hyper_parameters").source == "Sixteen units."
    new = place(result.notebook, "one_hot")
    assert sources(result.notebook)[new - 1] == "import einops"
    assert sources(result.notebook)[new + 1] == "A remark."
    assert key_of(result.notebook.cells[new + 2]) == "one_hot-public-1"
    assert result.notebook.cells[new - 1].metadata == {}
    assert any("import itertools" in source for source in sources(result.notebook))
    assert len(result.notebook.cells) == len(released().cells) + 2


# ------------------------------------------------------------------- files, not cells


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf  \n", "the file is empty"),
        (b'{"cells": [', "no JSON"),
        (b"print('hello')", "no JSON"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04...", "a zip archive"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"cells": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
        (b'{"cells": [], "x": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"[]", "JSON without cells"),
        (b"3", "JSON without cells"),
        (b'{"nbformat": 4, "metadata": {}}', "JSON without cells"),
        (b'{"cells": {"a": 1}}', "JSON without cells"),
        (b'{"cells": []}', "no cell of the released notebook"),
        (b'{"cells": [1, null, "x", []]}', "no cell of the released notebook"),
        (b'{"cells": [{}, {"source": {"a": 1}}]}', "no cell of the released notebook"),
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(data, reason):
    with pytest.raises(CourseError) as error:
        match(data, released())
    assert reason in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_another_notebook_has_nothing_in_common():
    other = {"cells": [text("# Biology"), code("import torch\nprint(torch)"), code("x = 1")]}
    with pytest.raises(CourseError, match="no cell of the released notebook"):
        match(json.dumps(other).encode(), released())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(encoding):
    result = match(release_text().encode(encoding), released())
    assert result.notebook == released()
    assert len(result.notes) == (encoding == "utf-16")


def test_a_file_in_an_old_encoding_is_read_with_gaps():
    notebook = submission()
    cell(notebook, "hyper_parameters")["source"] = "Größe"
    data = json.dumps(notebook, ensure_ascii=False).replace("\u2026", "").encode("cp1252", "ignore")
    result = match(data, released())
    assert cell(result.notebook, "hyper_parameters").source == "Gr\ufffd\ufffde"
    assert "not UTF-8" in result.notes[0]


def test_half_characters_do_not_stop_a_grader():
    notebook = submission()
    cell(notebook, "hyper_parameters")["source"] = ["a \ud83d", "\ude00 and \udc00"]
    result = matched(notebook)
    assert cell(result.notebook, "hyper_parameters").source == "a \U0001f600 and \ufffd"
    assert dumps(result.notebook).encode("utf-8")


@pytest.mark.parametrize("version", [2, 3])
def test_old_formats_are_read(version):
    notebook = nbformat.reads(release_text(), as_version=4)
    cell(notebook, "one_hot").source = ANSWER
    cell(notebook, "one_hot").outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": "3"}),
        nbformat.v4.new_output("stream", name="stderr", text="careful"),
        nbformat.v4.new_output("error", ename="E", evalue="v", traceback=["t"]),
    ]
    old = json.loads(nbformat.v3.writes_json(nbformat.convert(notebook, 3)))
    old["nbformat"] = version
    result = matched(old)
    assert cell(result.notebook, "one_hot").source == ANSWER
    outputs = cell(result.notebook, "one_hot").outputs
    assert outputs[0].data == {"text/plain": "3"}
    assert outputs[1] == {"output_type": "stream", "name": "stderr", "text": "careful"}
    assert outputs[2].ename == "E"
    assert [key_of(c) for c in result.notebook.cells] == [key_of(c) for c in released().cells]


def test_cells_without_fields_and_with_wrong_ones():
    notebook = submission()
    notebook.pop("nbformat")
    notebook["metadata"] = "none"
    notebook["cells"][3] = {"cell_type": ["code"], "source": 5, "id": 7, "metadata": 3}
    notebook["cells"][4] = {"outputs": "x", "metadata": {"nbgrader": {"grade_id": ["a"]}}}
    notebook["cells"][5]["outputs"] = [1, {"output_type": {}}, {"output_type": "error"}]
    notebook["cells"][6]["id"] = "not an id!"
    notebook["cells"].append("a cell?")
    notebook["cells"].append({"cell_type": "heading", "level": 2.0, "source": "Notes"})
    result = matched(notebook)
    assert result.notebook.cells[-1].source == "# Notes"
    assert any("no cells" in note for note in result.notes)


def test_deeply_nested_metadata_are_not_carried_along():
    notebook = submission()
    deep: dict = {}
    for _ in range(300):
        deep = {"a": deep}
    cell(notebook, "one_hot")["metadata"]["deep"] = deep
    notebook["metadata"]["deep"] = deep
    notebook["cells"].append(code("1", metadata={"nbgrader": {"grade_id": "x", "deep": deep}}))
    assert matched(notebook).notebook.metadata == released().metadata


# ----------------------------------------------------------------------------- sizes


def test_a_huge_cell_a_huge_text_and_too_many_cells_are_refused():
    notebook = submission()
    notebook["cells"].append(text("x" * (MAX_CELL + 1)))
    with pytest.raises(CourseError, match=r"cell 116 holds 1\.0 MB of text"):
        matched(notebook)
    notebook["cells"][-1:] = [text("x" * MAX_CELL)] * 6
    with pytest.raises(CourseError, match="more than 5 MB"):
        matched(notebook)
    notebook["cells"][115:] = [text("x")] * 20_000
    with pytest.raises(CourseError, match="at most 10000"):
        matched(notebook)


def picture(size):
    data = {"image/png": "A" * size, "text/html": "<b>", "text/plain": ["<Fi", "gure>"]}
    return {"output_type": "display_data", "data": data, "metadata": {"needs": 1}}


def test_outputs_are_kept_within_bounds():
    notebook = submission()
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
        picture(1000),
        {"output_type": "display_data", "data": {"text/html": "<script>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": '"><script>'}, "metadata": {}},
        {"output_type": "update_display_data", "data": {"text/plain": "x"}, "metadata": {}},
    ]
    cell(notebook, "one_hot")["outputs"] = outputs
    cell(notebook, "one_hot-public-1")["outputs"] = outputs
    cell(notebook, "mse_loss")["outputs"] = [picture(250_000)]
    result = matched(notebook)
    kept = cell(result.notebook, "one_hot").outputs
    assert [output.output_type for output in kept] == ["stream", "display_data"]
    assert kept[0].text == "a\nb"
    assert kept[1].data == {"image/png": "A" * 1000, "text/plain": "<Figure>"}
    assert kept[1].metadata == {}
    replaced = cell(result.notebook, "mse_loss").outputs
    assert [output.text for output in replaced] == [TOO_LARGE]
    assert result.notes == ("Outputs that are too large were left out, in 1 cell(s).",)


def test_the_outputs_of_a_notebook_have_one_budget():
    notebook = submission()
    notebook["cells"] += [code("1", outputs=[picture(150_000)]) for _ in range(20)]
    result = matched(notebook)
    kept = [bool("data" in c.outputs[0]) for c in result.notebook.cells[-20:]]
    assert kept == [True] * 13 + [False] * 7
    again = match(dumps(result.notebook).encode(), released())
    assert again.notebook == result.notebook


def test_pictures_pasted_into_an_answer_are_kept():
    notebook = submission()
    pasted = {"a.png": {"image/png": "AAAA"}, "b (1).jpg": {"image/jpeg": "BBBB"}}
    cell(notebook, "hyper_parameters").update(source="![](attachment:a.png)", attachments=pasted)
    result = matched(notebook)
    assert cell(result.notebook, "hyper_parameters").attachments == pasted
    assert result.notes == ()
    assert match(dumps(result.notebook).encode(), released()).notebook == result.notebook
    nbformat.validate(result.notebook)


@pytest.mark.parametrize(
    "pasted",
    [
        {"a.svg": {"image/svg+xml": "<svg/>"}},
        {"a.png": {"image/png": '"><script>'}},
        {'a"><script>.png': {"image/png": "AAAA"}},
        {"a.png": {"image/png": "A" * (MAX_PICTURES + 1)}},
        {"a.png": ["image/png"]},
    ],
    ids=["vector", "no base64", "name", "large", "list"],
)
def test_what_is_pasted_and_no_small_picture_is_dropped_and_noted(pasted):
    notebook = submission()
    cell(notebook, "hyper_parameters").update(source="See.", attachments=pasted)
    result = matched(notebook)
    assert "attachments" not in cell(result.notebook, "hyper_parameters")
    assert result.notes == (
        "What is pasted into a written answer is not all kept; see the file: hyper_parameters.",
    )


# ------------------------------------------------------------- exercises and answers


def test_answers_are_found_when_all_metadata_are_lost():
    notebook = submission()
    cell(notebook, "one_hot")["source"] = ANSWER
    cell(notebook, "MLP")["source"] = "class MLP(nn.Module):\n    pass"
    cell(notebook, "hyper_parameters")["source"] = "Sixteen units."
    result = matched(stripped(notebook))
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert cell(result.notebook, "MLP").source.startswith("class MLP")
    assert cell(result.notebook, "hyper_parameters").source == "Sixteen units."
    assert len(result.notebook.cells) == len(released().cells)
    assert result.notes == (
        "Metadata are lost; the cell was found by what it defines: one_hot, MLP.",
        "Metadata are lost; the cell was found by its place and its text: hyper_parameters.",
    )


@pytest.mark.parametrize("name", NAMES[::4])  # reading a corpus takes seconds
def test_answers_of_the_corpus_are_found_without_metadata(name):
    rows: dict[str, list] = {}
    for answer in answers_of(name):
        rows.setdefault(answer.exercise, []).append(answer.source)
    for number in range(3):  # all of them pass too, in a minute
        row = {exercise: each[number % len(each)] for exercise, each in rows.items()}
        filled = with_answers(released(name), row)
        data = json.dumps(filled).encode()
        assert match(data, released(name)).notebook == filled
        bare = stripped(json.loads(data))
        assert match(json.dumps(bare).encode(), released(name)).notebook == filled


def test_a_cell_that_does_not_parse_is_found_by_its_first_line():
    notebook = submission()
    source = "%timeit 1\ndef one_hot(labels, classes)\n    return torch.eye(classes"
    cell(notebook, "one_hot")["source"] = source
    assert cell(matched(stripped(notebook)).notebook, "one_hot").source == source


def test_a_name_in_a_string_defines_nothing():
    notebook = submission()
    source = 'help = """\ndef one_hot(labels, classes):\n"""'
    notebook["cells"].append(code(source))
    result = matched(notebook)
    assert cell(result.notebook, "one_hot") == cell(released(), "one_hot")
    assert result.notebook.cells[-1].source == source


def test_a_renamed_function_is_found_by_its_place():
    notebook = submission()
    stub = "".join(cell(notebook, "one_hot")["source"])
    cell(notebook, "one_hot")["source"] = stub.replace("def one_hot(", "def onehot(")
    result = matched(stripped(notebook))
    assert cell(result.notebook, "one_hot").source.startswith("def onehot(")
    assert "by its place" in result.notes[0]


def test_of_two_answers_the_last_counts_and_both_run():
    notebook = submission()
    at = place(notebook, "one_hot")
    first, last = copy.deepcopy(notebook["cells"][at]), notebook["cells"][at]
    first["source"], last["source"] = ANSWER + "  # first", ANSWER + "  # last"
    notebook["cells"].insert(at, first)
    result = matched(notebook)
    assert sources(result.notebook)[at] == ANSWER + "  # first"
    assert cell(result.notebook, "one_hot").source == ANSWER + "  # last"
    assert result.notes == (
        "Several cells answer it; the last one counts, the others run too: one_hot.",
    )


def test_an_untouched_copy_of_the_stub_does_not_undo_the_answer():
    notebook = submission()
    at = place(notebook, "one_hot")
    notebook["cells"].insert(at, copy.deepcopy(notebook["cells"][at]))
    notebook["cells"][at]["source"] = ANSWER
    result = matched(notebook)
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert len(result.notebook.cells) == len(released().cells)


def test_the_answer_in_a_cell_of_its_own_counts():
    notebook = submission()
    at = place(notebook, "one_hot")
    notebook["cells"].insert(at + 1, code(ANSWER))
    result = matched(notebook)
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert place(result.notebook, "one_hot-public-1") == at + 1
    assert result.notes == (
        "The answer stands in a cell beside its own and counts from there: one_hot.",
    )


def test_a_later_experiment_does_not_replace_the_answer():
    notebook = submission()
    cell(notebook, "one_hot")["source"] = ANSWER
    notebook["cells"].append(code("def one_hot(x, k):\n    return x"))
    result = matched(notebook)
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert result.notebook.cells[-1].source.startswith("def one_hot(x, k)")
    assert result.notes == ()


def test_several_exercises_in_one_cell():
    notebook = submission()
    both = f"{ANSWER}\n\n\ndef standardize(table):\n    return table"
    cell(notebook, "one_hot")["source"] = both
    with_stub = matched(notebook)
    del notebook["cells"][place(notebook, "standardize")]
    without_stub = matched(notebook)
    for result in (with_stub, without_stub):
        assert cell(result.notebook, "one_hot").source == both
        comment = "# standardize is defined in another cell of this notebook."
        assert cell(result.notebook, "standardize").source == comment
        assert "another exercise's cell" in result.notes[0]


def test_a_stub_above_the_cell_that_holds_its_answer_is_checked_below_it():
    notebook = submission()
    both = f"def standardize(table):\n    return table\n\n\n{ANSWER}"
    cell(notebook, "standardize")["source"] = both
    keys = [key_of(c) for c in matched(notebook).notebook.cells]
    assert keys.index("one_hot-public-1") > keys.index("standardize")


def test_a_cell_split_in_two_runs_as_before():
    notebook = submission()
    at = place(notebook, "one_hot")
    cell(notebook, "one_hot")["source"] = ANSWER
    helper = copy.deepcopy(notebook["cells"][at])  # JupyterLab copies the metadata
    helper["source"] = "eye = torch.eye"
    notebook["cells"].insert(at + 1, helper)
    result = matched(notebook)
    assert cell(result.notebook, "one_hot").source == ANSWER
    assert sources(result.notebook)[at + 1] == "eye = torch.eye"
    assert key_of(result.notebook.cells[at + 2]) == "one_hot-public-1"


def test_a_deleted_exercise_comes_back_untouched_at_its_place():
    notebook = submission()
    keys = ("mse_loss", "hyper_parameters")
    notebook["cells"] = [c for c in notebook["cells"] if key_of(c) not in keys]
    result = matched(notebook)
    assert result.notebook == released()
    assert result.notes == (
        "The cell is gone, so the untouched one is put back: mse_loss, hyper_parameters.",
    )


def test_deleted_checks_come_back_below_the_helpers_of_the_exercise():
    notebook = submission()
    at = place(notebook, "one_hot")
    notebook["cells"] = [c for c in notebook["cells"] if not str(key_of(c)).startswith("one_hot-")]
    notebook["cells"].insert(at + 1, code("def helper(): ..."))
    result = matched(notebook)
    keys = [key_of(c) for c in result.notebook.cells[at : at + 5]]
    assert keys == ["one_hot", None, "one_hot-public-1", "one_hot-hidden-1", "one_hot-hidden-2"]


def test_checks_stay_below_a_cell_that_was_moved_between():
    notebook = submission()
    at = place(notebook, "one_hot")
    imports = next(n for n, c in enumerate(notebook["cells"]) if "import math" in c["source"][0])
    notebook["cells"].insert(at, notebook["cells"].pop(imports))
    result = matched(notebook)
    keys = [key_of(c) for c in result.notebook.cells[at - 1 : at + 2]]
    assert keys == ["one_hot", None, "one_hot-public-1"]
    assert sources(result.notebook)[at].startswith("import math")


def test_an_answer_in_a_cell_of_the_wrong_type_counts():
    notebook = submission()
    cell(notebook, "one_hot").update(source=ANSWER, cell_type="markdown")
    cell(notebook, "hyper_parameters").update(source="Sixteen.", cell_type="code", outputs=[])
    result = matched(notebook)
    assert cell(result.notebook, "one_hot").cell_type == "code"
    assert cell(result.notebook, "one_hot").outputs == []
    assert cell(result.notebook, "hyper_parameters").cell_type == "markdown"
    assert result.notes == (
        "Cells of the wrong type (code or text) are put right: one_hot, hyper_parameters.",
    )


def test_a_written_answer_beside_its_cell_counts():
    notebook = submission()
    at = place(notebook, "hyper_parameters")
    notebook["cells"].insert(at + 1, text("Sixteen units."))
    result = matched(notebook)
    assert cell(result.notebook, "hyper_parameters").source == "Sixteen units."
    assert len(result.notebook.cells) == len(released().cells)
    assert "beside its own" in result.notes[0]


def test_reordered_exercises_stay_where_they_are_with_their_checks():
    notebook = submission()
    at = place(notebook, "fit")
    moved = notebook["cells"].pop(at)
    first = place(notebook, "one_hot")
    notebook["cells"].insert(first, moved)
    result = matched(notebook)
    assert key_of(result.notebook.cells[first]) == "fit"
    # Moved below its checks, a cell takes them along.
    notebook = submission()
    notebook["cells"].append(notebook["cells"].pop(place(notebook, "one_hot")))
    keys = [key_of(c) for c in matched(notebook).notebook.cells]
    assert keys[-4:] == ["one_hot", "one_hot-public-1", "one_hot-hidden-1", "one_hot-hidden-2"]


# ------------------------------------------------------------------ forged and edited


def test_edited_and_duplicated_checks_are_the_originals_once():
    notebook = submission()
    at = place(notebook, "one_hot-public-1")
    notebook["cells"].insert(at, copy.deepcopy(notebook["cells"][at]))
    notebook["cells"][at]["source"] = "pass"
    cell(notebook, "one_hot-hidden-1")["metadata"]["nbgrader"]["points"] = 100
    cell(notebook, "hyper_parameters")["metadata"]["nbgrader"].update(points=50, checksum="0")
    result = matched(notebook)
    assert result.notebook == released()
    assert result.notes == (
        "Checks that were edited are replaced by the original: 'one_hot-public-1'.",
        "Points or other grading metadata that were changed are restored: one_hot-hidden-1, "
        "hyper_parameters.",
    )


def test_an_answer_typed_into_a_check_counts():
    notebook = submission()
    cell(notebook, "one_hot-hidden-1")["source"] = ANSWER
    assert cell(matched(notebook).notebook, "one_hot").source == ANSWER


def test_invented_grade_ids_are_dropped():
    notebook = submission()
    forged = {"grade_id": "bonus", "points": 100, "grade": True, "solution": False, "locked": True}
    notebook["cells"].append(code("100", metadata={"nbgrader": forged, "tags": ["x"]}))
    notebook["cells"].append(code("1", metadata={"nbgrader": forged | {"grade_id": "b\n" * 99}}))
    result = matched(notebook)
    assert result.notebook.cells[-2].metadata == {}
    assert "'bonus'" in result.notes[0] and "\n" not in result.notes[0]


def test_tags_come_from_the_release():
    notebook = submission()
    skip = {"tags": ["skip-execution"]}
    for key in ("one_hot", "one_hot-public-1"):
        cell(notebook, key)["metadata"].update(skip)
    shown = [c for c in notebook["cells"] if "tags" in c["metadata"]]
    demonstration = next(c for c in shown if key_of(c) is None)
    copied = copy.deepcopy(demonstration)
    copied["id"] = "copied"
    demonstration["metadata"] = {}
    notebook["cells"] += [copied, code("helper = 1", metadata=skip)]
    result = matched(notebook)
    assert "tags" not in cell(result.notebook, "one_hot").metadata
    tagged = [c.source for c in result.notebook.cells if "tags" in c.metadata]
    of_release = [c.source for c in released().cells if "tags" in c.metadata]
    assert tagged == [*of_release, "".join(copied["source"])]


def test_a_skipped_cell_that_was_rewritten_runs():
    notebook = submission()
    demonstration = next(c for c in notebook["cells"] if "tags" in c["metadata"])
    demonstration["source"] = "def my_helper(x):\n    return x"
    result = matched(notebook)
    mine = next(c for c in result.notebook.cells if c.source.startswith("def my_helper"))
    assert mine.metadata == {}


def test_an_edited_skipped_cell_is_still_skipped():
    notebook = stripped(submission())
    numbers = [n for n, c in enumerate(released().cells) if "tags" in c.metadata]
    for n in numbers:
        notebook["cells"][n]["source"].append("\nprint('mine')")
    result = matched(notebook)
    assert all("tags" in result.notebook.cells[n].metadata for n in numbers)


def test_deleted_released_code_is_noted_and_stays_away():
    notebook = submission()
    notebook["cells"] = [c for c in notebook["cells"] if "import math" not in c["source"][0]]
    result = matched(notebook)
    assert len(result.notebook.cells) == len(released().cells) - 1
    assert result.notes == ("Released code cells were deleted: 'import math'.",)


def test_cell_ids_are_unique():
    notebook = submission()
    notebook["cells"] += [code("1", id="one_hot"), code("1", id="same"), code("2", id="same")]
    ids = [c.id for c in matched(notebook).notebook.cells]
    assert len(set(ids)) == len(ids)


def test_the_text_of_a_check_is_no_answer_whatever_its_metadata_say():
    notebook = submission()
    cell(notebook, "one_hot")["source"] = ANSWER
    copied = copy.deepcopy(cell(notebook, "one_hot-public-1"))
    copied["metadata"] = copy.deepcopy(cell(notebook, "one_hot")["metadata"])
    notebook["cells"].insert(place(notebook, "one_hot") + 2, copied)
    result = matched(notebook)
    assert sources(result.notebook).count("".join(copied["source"])) == 1
    assert ANSWER in sources(result.notebook)
    assert not any("Several cells" in note for note in result.notes)


# ---------------------------------------------------------------------- speed


def cpu_seconds(function, rounds=1):
    start = time.process_time()
    for _ in range(rounds):
        function()
    return (time.process_time() - start) / rounds


def test_what_takes_too_long_to_read_is_refused(monkeypatch):
    def endless(data):
        while True:
            pass

    monkeypatch.setattr(matching, "read_cells", endless)
    monkeypatch.setattr(matching, "MATCH_SECONDS", 0.1)
    with pytest.raises(CourseError, match="takes more than"):
        match(b"", released())


def test_matching_is_quick():
    data = release_text("04_convolution_filtering").encode()
    match(data, released("04_convolution_filtering"))
    seconds = cpu_seconds(lambda: match(data, released("04_convolution_filtering")), 5)
    assert seconds < 0.06  # measured: 0.01


def test_fifty_megabytes_of_outputs_take_seconds():
    notebook = submission()
    for key in ("one_hot", "mse_loss", "fit", "MLP", "standardize"):
        cell(notebook, key)["outputs"] = [picture(10_000_000)]
    data = json.dumps(notebook).encode()
    assert cpu_seconds(lambda: match(data, released())) < 4  # measured: 0.1


def test_many_cells_without_metadata_take_seconds():
    notebook = stripped(submission())
    notebook["cells"] = [c for c in notebook["cells"] if not "".join(c["source"]).startswith("#")]
    notebook["cells"][2:2] = [code(f"x{n} = tensor({n})") for n in range(9_000)]
    assert cpu_seconds(lambda: matched(notebook)) < 20  # measured: 1
