"""The student copies: stub = solution minus the solution, and they run to their end."""

import ast
import builtins
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.course.compose import compose, dumps, stub, student_notebook
from autograder.course.config import load_course
from autograder.course.master import BEGIN, END, without_regions
from autograder.judging.sandbox.kernels import warm_kernels
from tests.support.course import ROOT

NAMES = load_course(ROOT).names
pytestmark = pytest.mark.parametrize("name", NAMES)


def exercise_cells(notebook):
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
    }


def test_stub_is_the_solution_minus_the_solution_regions(built, name):
    student = exercise_cells(built[name].student)
    for cell in built[name].master.cells:
        if cell.exercise:
            stub_lines = {line.strip() for line in stub(cell.exercise).splitlines()}
            text = re.sub(r"\.\w+ is not written", " is not written", student[cell.exercise])
            left = [line for line in text.splitlines() if line.strip() not in stub_lines]
            assert left == without_regions(cell.source, BEGIN, END).splitlines()


def test_stub_keeps_signature_and_docstring_and_names_the_exercise(built, name):
    student = exercise_cells(built[name].student)
    for cell in built[name].master.cells:
        if not cell.exercise:
            continue
        (solved,), (stubbed,) = ast.parse(cell.source).body, ast.parse(student[cell.exercise]).body
        assert ast.get_docstring(stubbed) == ast.get_docstring(solved)
        assert signatures(stubbed) == signatures(solved)
        for node in ast.walk(stubbed):
            if isinstance(node, ast.Raise):
                assert re.fullmatch(
                    rf"raise NotImplementedError\('{cell.exercise}(\.\w+)? is not written yet\.'\)",
                    ast.unparse(node),
                )
        assert f"NotImplementedError('{cell.exercise}" in ast.unparse(stubbed)


def test_public_checks_use_only_names_that_the_student_has(built, name):
    bound = set(dir(builtins)) | {"__name__"}
    for cell in built[name].student.cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        bound |= names_bound_in(tree.body)
        if "-public-" in cell.metadata.get("nbgrader", {}).get("grade_id", ""):
            own = {node.id for node in ast.walk(tree) if is_stored(node)}
            own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            own |= names_bound_in(ast.walk(tree))
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not used - own - bound, cell.metadata.nbgrader.grade_id


def is_stored(node) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def names_bound_in(nodes) -> set[str]:
    """Names that imports, definitions and assignments among these nodes bind."""
    names = set()
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.For, ast.With, ast.If, ast.AnnAssign)):
            names |= {part.id for part in ast.walk(node) if is_stored(part)}
    return names


def signatures(definition) -> list[tuple[str, str, str | None]]:
    """Name, arguments and docstring of a function, or of a class and its methods."""
    nodes = [definition, *(definition.body if isinstance(definition, ast.ClassDef) else [])]
    return [
        (node.name, ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else "", d)
        for node in nodes
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for d in [ast.get_docstring(node)]
    ]


def test_committed_copy_has_no_outputs_and_stable_unique_ids(course, built, name):
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert dumps(compose(course, name).student) == text
    assert dumps(student_notebook(built[name].source)) == text


def test_public_checks_are_locked_cells_and_hidden_ones_are_not_there(built, name):
    checks = built[name].master.checks_by_id
    cells = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in built[name].student.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") in checks
    }
    assert set(cells) == set(checks)
    for key, check in checks.items():
        cell = cells[key]
        assert cell.metadata.editable is False and cell.metadata.deletable is False
        assert cell.metadata.nbgrader.points == check.points
        if check.hidden:
            assert cell.source.count("\n") == 0 and cell.source.startswith("# Hidden check ")
        else:
            assert check.source.strip() in cell.source
            assert len(cell.source.splitlines()) <= 40


@pytest.fixture(scope="module")
def warm():
    """Kernels that start at once."""
    with warm_kernels():
        yield


@pytest.mark.slow
def test_untouched_notebook_runs_to_its_end_with_only_the_stubs_errors(name, tmp_path, warm):
    for file in (f"{name}.ipynb", "course_helper.py"):
        shutil.copy(ROOT / "notebooks" / file, tmp_path)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    environment = {
        **os.environ,
        "COURSE_DATA": str(ROOT / "data"),
        "COURSE_STATIC_FIGURES": "1",
    }
    client = NotebookClient(
        notebook,
        timeout=120,
        allow_errors=True,
        kernel_name="python3",
        skip_cells_with_tag="",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=environment)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                assert output.ename == "NotWrittenYet", output.traceback
                assert re.search(r"^✗ \w+: .*\n[\w.]+ is not written yet\. ", output.evalue)
                assert not any("Traceback" in line for line in output.traceback)
            if output.output_type == "stream":
                assert output.name != "stderr", output.text


@pytest.mark.proof
def test_master_runs_as_a_script(name, tmp_path):
    if name != NAMES[0]:
        pytest.skip("`course build` has run the same cells; one script is enough")
    environment = {**os.environ, "MPLBACKEND": "agg"}
    script = ROOT / "solutions" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
