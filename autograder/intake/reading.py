"""Read a notebook file of any quality into plain, bounded cells.

Nothing of a submission is trusted: not its encoding, not its structure, not its
size. What comes out of here is made anew from strings and small numbers, so that
no object of the file, however deep or odd, reaches a grader.

Of the outputs of a code cell stays what a hand grader looks at: text, pictures
(PNG), what was printed, and errors. Of the attachments of a text cell stay pictures.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.errors import CourseError
from autograder.inside.limits import (
    MAX_CELL,
    MAX_CELL_OUTPUT,
    MAX_CELLS,
    MAX_OUTPUTS,
    MAX_PICTURES,
    MAX_SOURCES,
)

TOO_LARGE = "(The output of this cell was too large to keep for grading.)\n"
# What is handed in instead of a notebook, by its first bytes.
MISTAKEN = (
    (b"<", "a web page"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an office document"),
)
OLD_OUTPUTS = {"pyout": "execute_result", "pyerr": "error"}  # names in nbformat 2 and 3
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # as nbformat's schema wants it
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
PICTURES = ("image/png", "image/jpeg")
PICTURE_NAME = re.compile(r"[\w .()-]{1,100}")


@dataclass
class Given:
    """One cell as it was handed in, cleaned.

    Attributes:
        cell_type: "code", "markdown" or "raw".
        source: its text, with line feeds only and without lone surrogates.
        id: its cell id; "" if it has none or one that nbformat does not allow.
        claim: what its nbgrader metadata say; only text, numbers and booleans.
        outputs: what is kept of its outputs.
        execution_count: a number or None.
        attachments: the pictures that are kept of a text cell, by name and type.
        lost_attachments: whether it had others.
    """

    cell_type: str
    source: str
    id: str = ""
    claim: dict = field(default_factory=dict)
    outputs: list[NotebookNode] = field(default_factory=list)
    execution_count: int | None = None
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)
    lost_attachments: bool = False


def read_cells(data: bytes) -> tuple[list[Given], list[str]]:
    """Return the cells of a notebook file, and what was odd about the file.

    Args:
        data: the file; nbformat 2 to 4, or something like it.

    Returns:
        the cells in order, and a sentence for each oddity.

    Raises:
        CourseError: it is not a notebook, or it is too large.
    """
    notes: list[str] = []
    raw = _raw_cells(_parse(data, notes))
    if len(raw) > MAX_CELLS:
        raise CourseError(f"the notebook has {len(raw)} cells; at most {MAX_CELLS} are graded")
    cells = [cell for cell in raw if isinstance(cell, dict)]
    if len(cells) < len(raw):
        notes.append(f"Entries that are no cells were left out ({len(raw) - len(cells)}).")
    budget = _Budget()
    given = [_clean(cell, number, budget) for number, cell in enumerate(cells, 1)]
    if sum(len(cell.source) for cell in given) > MAX_SOURCES:
        limit = MAX_SOURCES // 1_000_000
        raise CourseError(f"the cells hold more than {limit} MB of text; ask for a smaller file")
    if budget.replaced:
        notes.append(f"Outputs that are too large were left out, in {budget.replaced} cell(s).")
    return given, notes


def _parse(data: bytes, notes: list[str]) -> object:
    """Return what the JSON of a file holds.

    Raises:
        CourseError: it is no JSON.
    """
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise CourseError("the file is empty; ask for the notebook again")
    for start, what in MISTAKEN:
        if head.startswith(start):
            raise CourseError(f"not a notebook but {what}; ask for the .ipynb file itself")
    try:
        return json.loads(_decode(data, notes))
    except RecursionError:
        raise CourseError("not a notebook: nested too deeply; ask for the notebook again") from None
    except ValueError as error:  # JSONDecodeError, or a number of thousands of digits
        reason = str(error).splitlines()[0][:100]
        raise CourseError(
            f"not a notebook: no JSON ({reason}); ask for the .ipynb file again"
        ) from None


def _decode(data: bytes, notes: list[str]) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        notes.append("The file was saved as UTF-16.")
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The file is not UTF-8; letters that could not be read became \ufffd.")
        return data.decode("utf-8-sig", "replace")


def _raw_cells(notebook: object) -> list:
    """Return the list of cells, wherever this version of the format keeps it.

    Raises:
        CourseError: there is none.
    """
    if isinstance(notebook, dict):
        if isinstance(notebook.get("cells"), list):
            return notebook["cells"]
        sheets = notebook.get("worksheets")  # nbformat 2 and 3
        if isinstance(sheets, list):
            lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
            return [cell for cells in lists if isinstance(cells, list) for cell in cells]
    raise CourseError("not a notebook: JSON without cells; ask for the .ipynb file itself")


def _clean(cell: dict, number: int, budget: _Budget) -> Given:
    """Return a cell made anew from what is usable of this one.

    Raises:
        CourseError: its source is too large.
    """
    # In nbformat 2 and 3 the source of a code cell is called input.
    source = text_of(cell["source"] if "source" in cell else cell.get("input"))
    if len(source) > MAX_CELL:
        raise CourseError(
            f"cell {number} holds {len(source) / 1e6:.1f} MB of text (a pasted picture or data?); "
            f"at most {MAX_CELL / 1e6:g} MB are graded"
        )
    kind = cell.get("cell_type")
    if kind == "heading":
        level = cell.get("level")
        source = "#" * (level if type(level) is int and 0 < level < 7 else 1) + " " + source
    if kind not in ("code", "markdown", "raw"):
        kind = "code" if "outputs" in cell or "input" in cell else "markdown"
    name, count = cell.get("id"), cell.get("execution_count")
    given = Given(kind, source, claim=_claim(cell.get("metadata")))
    if isinstance(name, str) and CELL_ID.fullmatch(name):
        given.id = name
    if kind != "code":
        budget.keep_pictures(cell.get("attachments"), given)
    else:
        given.outputs = budget.keep(cell.get("outputs"))
        if type(count) is int and 0 < count < 1_000_000:
            given.execution_count = count
    return given


def text_of(value: object) -> str:
    """Return a multi-line text of a notebook file as a clean string; "" if it is none."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    value = value.replace("\r\n", "\n")
    if value.isascii():
        return value
    # JSON can name half a character, which no file can hold.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _claim(metadata: object) -> dict:
    """Return what nbgrader's metadata of a cell say, if they name a cell."""
    claim = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if not isinstance(claim, dict) or not isinstance(claim.get("grade_id"), str):
        return {}
    plain = {k: v for k, v in claim.items() if isinstance(v, (str, bool, int, float))}
    return plain | {"grade_id": text_of(claim["grade_id"])}


class _Budget:
    """Keeps outputs and pictures until the notebook has used up its share.

    What is put in the place of large outputs counts nothing, so cleaning a cleaned
    notebook changes nothing.
    """

    def __init__(self) -> None:
        self.left, self.left_for_pictures = MAX_OUTPUTS, MAX_PICTURES
        self.replaced = 0

    def keep(self, outputs: object) -> list[NotebookNode]:
        """Return the outputs that are kept of a cell, or one that says they are too large."""
        kept, size = [], 0
        for output in outputs if isinstance(outputs, list) else []:
            clean = _output(output) if isinstance(output, dict) else None
            if clean is not None:
                kept.append(clean)
                size += _size(clean)
            if size > min(MAX_CELL_OUTPUT, self.left):
                self.replaced += 1
                kept, size = [NotebookNode(output_type="stream", name="stdout", text=TOO_LARGE)], 0
                break
        self.left -= size
        return kept

    def keep_pictures(self, attachments: object, given: Given) -> None:
        """Give a text cell those of its attachments that are pictures."""
        for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
            kinds = kinds if isinstance(kinds, dict) else {}
            kind = next((kind for kind in PICTURES if kind in kinds), "")
            picture = text_of(kinds.get(kind))
            fits = 0 < len(picture) <= self.left_for_pictures and PICTURE_NAME.fullmatch(name)
            if fits and BASE64.fullmatch(picture):
                given.attachments[name] = {kind: picture}
                self.left_for_pictures -= len(picture)
            else:
                given.lost_attachments = True


def _output(output: dict) -> NotebookNode | None:
    """Return an output made anew, or None if a hand grader has no use for it."""
    kind = output.get("output_type")
    kind = OLD_OUTPUTS.get(kind, kind) if isinstance(kind, str) else None
    if kind == "stream":
        name = "stderr" if "stderr" in (output.get("name"), output.get("stream")) else "stdout"
        return NotebookNode(output_type=kind, name=name, text=text_of(output.get("text")))
    if kind == "error":
        lines = output.get("traceback")
        return NotebookNode(
            output_type=kind,
            ename=text_of(output.get("ename")),
            evalue=text_of(output.get("evalue")),
            traceback=[text_of(line) for line in lines] if isinstance(lines, list) else [],
        )
    if kind not in ("execute_result", "display_data"):
        return None
    data = output.get("data")
    if not isinstance(data, dict):  # nbformat 2 and 3
        data = {"text/plain": output.get("text"), "image/png": output.get("png")}
    text, picture = text_of(data.get("text/plain")), text_of(data.get("image/png"))
    kept = NotebookNode({"text/plain": text} if text else {})
    # One that is too large is left for the budget to refuse.
    if picture and (len(picture) > MAX_CELL_OUTPUT or BASE64.fullmatch(picture)):
        kept["image/png"] = picture
    if not kept:
        return None
    result = NotebookNode(output_type=kind, data=kept, metadata=NotebookNode())
    if kind == "execute_result":
        result["execution_count"] = None
    return result


def _size(output: NotebookNode) -> int:
    """Return how many characters an output holds."""
    if output.get("text") == TOO_LARGE:
        return 0
    texts = [*output.get("data", {}).values(), *output.get("traceback", ())]
    texts += [output.get(key, "") for key in ("text", "ename", "evalue")]
    return 50 + sum(map(len, texts))  # the rest of an output, about
