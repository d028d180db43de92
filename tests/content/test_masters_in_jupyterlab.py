"""A master that is edited as a notebook in JupyterLab changes in what was edited, and nowhere."""

import shutil

import jupytext
import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from tests.support.course import MINI_MASTER, ROOT

MASTERS = sorted(path.name for path in (ROOT / "solutions").glob("*.py"))
TEMPLATES = ROOT / "autograder" / "commands" / "templates"
TEMPLATE = (TEMPLATES / "master.py.j2").read_text(encoding="utf-8")
PERCENT = "py:percent"


def through_ipynb(text: str, edit=None) -> str:
    """Read a master, save it as .ipynb, edit and read that, and write the master again."""
    notebook = nbformat.reads(nbformat.writes(jupytext.reads(text, fmt=PERCENT)), as_version=4)
    if edit:
        edit(notebook)
    return jupytext.writes(notebook, fmt=PERCENT)


def test_there_are_masters():
    assert len(MASTERS) >= 9


@pytest.mark.parametrize("name", MASTERS)
def test_a_master_comes_back_as_it_was(name):
    text = (ROOT / "solutions" / name).read_text(encoding="utf-8")
    assert through_ipynb(text) == text


def test_the_template_of_new_masters_comes_back_as_it_was():
    assert through_ipynb(TEMPLATE) == TEMPLATE


@pytest.mark.parametrize("name", MASTERS)
def test_editing_one_cell_changes_its_lines_alone(name):
    text = (ROOT / "solutions" / name).read_text(encoding="utf-8")
    cells = jupytext.reads(text, fmt=PERCENT).cells
    for number in range(0, len(cells), 7):

        def edit(notebook, number=number):
            cell = notebook.cells[number]
            cell.source = f"added = 1\n{cell.source}"

        before, after = text.splitlines(), through_ipynb(text, edit).splitlines()
        comment = "# " if cells[number].cell_type == "markdown" else ""
        (place,) = [n for n, line in enumerate(after) if line == f"{comment}added = 1"]
        assert after[:place] + after[place + 1 :] == before
        starts = [n for n, line in enumerate(before) if line.startswith("# %%")]
        assert sum(start < place for start in starts) == number + 1


@pytest.mark.parametrize("name", [*MASTERS, "01_mini.py"])
def test_jupyterlab_saves_a_master_as_it_was(name, tmp_path):
    """By the contents manager that answers JupyterLab, with all that Lab adds to a notebook."""
    if name == "01_mini.py":
        (tmp_path / name).write_text(
            MINI_MASTER.replace('written="why" points=2', 'points=2 written="why"')
        )
    else:
        shutil.copy(ROOT / "solutions" / name, tmp_path)
    before = (tmp_path / name).read_bytes()
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(tmp_path)
    model = manager.get(name, type="notebook")
    notebook = model["content"]
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.2"}
    for number, cell in enumerate(notebook.cells):
        cell.metadata["trusted"] = True
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.metadata["execution"] = {"iopub.status.idle": "2030-01-01T00:00:00Z"}
            cell.outputs = [nbformat.v4.new_output("stream", text="printed")]
    notebook.cells[0].metadata["collapsed"] = True
    manager.save(model, name)
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == [name]
