"""The work for a notebook grows with its cells, and not with their square, however alike they are.

Steps are counted, lines of the matcher that run; no clock tells a busy machine from slow code.
"""

import json
import sys
from collections.abc import Callable

import nbformat
import pytest

from autograder.intake import matching, release
from autograder.intake.matching import match
from autograder.results.gradebook import autograded
from autograder.results.gradebook.autograded import graded_notebook
from tests.support.course import ROOT

COUNTED = {module.__file__ for module in (matching, release, autograded)}
FEW, MANY = 150, 9_000
NAME = "01_pytorch_basics"
TEXT = (ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8")
RELEASED = nbformat.reads(TEXT, as_version=4)


def marked(key: str) -> dict:
    """Return the metadata of a cell of the release."""
    return {"nbgrader": next(c for c in RELEASED.cells if key_of(c) == key).metadata.nbgrader}


def key_of(cell) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def source_of(key: str) -> str:
    return next(c for c in RELEASED.cells if key_of(c) == key).source


PLAIN = next(c for c in RELEASED.cells if not key_of(c) and c.cell_type == "code")
FORGED = {"grade": True, "solution": False, "locked": True, "points": 1}
# What every one of the cells is, by its number.
CROWDS: dict[str, Callable[[int], dict]] = {
    "one id": lambda n: {"id": "mine", "source": f"x = {n}"},
    "one id and text": lambda n: {"id": "mine", "source": "x = 1"},
    "one text": lambda n: {"source": "x = 1"},
    "no text": lambda n: {"source": ""},
    "the id of an exercise": lambda n: {"id": "one_hot", "source": f"x = {n}"},
    "the id of a released cell": lambda n: {"id": PLAIN.id, "source": f"x = {n}"},
    "the text of a released cell": lambda n: {"source": PLAIN.source},
    "one grade id": lambda n: {"metadata": marked("one_hot"), "source": f"x = {n}"},
    "one grade id and text": lambda n: {"metadata": marked("one_hot"), "source": "x = 1"},
    "the stub of an exercise": lambda n: {
        "metadata": marked("one_hot"),
        "source": source_of("one_hot"),
    },
    "the stub without metadata": lambda n: {"source": source_of("one_hot")},
    "the name of an exercise": lambda n: {"source": f"def one_hot():\n    return {n}"},
    "the grade id of a check": lambda n: {
        "metadata": marked("one_hot-public-1"),
        "source": f"x = {n}",
    },
    "the text of a check": lambda n: {"source": source_of("one_hot-public-1")},
    "grade ids that are none": lambda n: {
        "metadata": {"nbgrader": {"grade_id": f"forged{n}", **FORGED}},
        "source": f"x = {n}",
    },
}


def crowded(kind: str, count: int, kept: int) -> bytes:
    """Return the first cells of the released notebook, with many of one kind before the last."""
    notebook = json.loads(TEXT)
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = notebook["cells"][:kept]
    cells[-1:-1] = [empty | CROWDS[kind](n) for n in range(count)]
    return json.dumps(notebook | {"cells": cells}).encode()


def steps(function: Callable[[], object]) -> int:
    """Return how many lines of the counted modules a call runs, loops within a line included."""
    count = 0

    def local(frame, event, arg):
        nonlocal count
        count += 1
        return local

    def tracer(frame, event, arg):
        return local if frame.f_code.co_filename in COUNTED else None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


# Where nearly all released cells are gone, each of them is looked for among the others.
@pytest.mark.parametrize("kind", CROWDS)
def test_ten_times_the_cells_take_ten_times_the_steps(kind):
    few, many = crowded(kind, FEW, kept=10), crowded(kind, 10 * FEW, kept=10)
    fewer = steps(lambda: match(few, RELEASED))
    assert fewer > FEW
    assert steps(lambda: match(many, RELEASED)) < 10.5 * fewer


@pytest.mark.parametrize("kind", ["one id", "one grade id", "one text"])
def test_nine_thousand_cells_alike_take_some_steps_each_and_all_stay(kind):
    made = []
    data = crowded(kind, MANY, len(RELEASED.cells))
    taken = steps(lambda: made.append(match(data, RELEASED).notebook))
    assert MANY < taken < 200 * MANY
    (notebook,) = made
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    # Of cells with the grade id of an exercise, one becomes its cell.
    alike = MANY - (kind == "one grade id")
    assert len(notebook.cells) == len(RELEASED.cells) + alike


@pytest.mark.parametrize("name", ["", "same", "cell-0"])
def test_ids_that_the_gradebook_needs_take_some_steps_each(name):
    cell = {"cell_type": "markdown", "metadata": {}, "source": "x", "id": name}
    notebook = nbformat.from_dict({"cells": [cell] * MANY, "metadata": {}})
    made = []
    assert steps(lambda: made.append(graded_notebook(notebook, {}))) < 200 * MANY
    assert len({cell.id for cell in made[0].cells}) == MANY
