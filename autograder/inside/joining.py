"""Join the parts of course_helper to the one file that students get.

Students need one file: in Colab and JupyterLab it lies beside the notebooks, and whoever opens it
reads it from top to bottom. Its sources are the modules of student/course_helper/. The engine
imports these as a package. Nothing that was joined is kept, save in notebooks/, where the build
puts it for students. So each thing is defined once, and the engine never runs a stale copy. Where
a submission runs, ``import course_helper`` gives the joined module (preload), for that is what
its author had.

A part starts with its docstring and its imports; a name belongs to one part.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).with_name("student") / "course_helper"
# In the order of the file: what a part uses while it is imported comes before it.
PARTS = (
    *("figures", "data", "digits", "alexnet", "failures", "limits", "checks"),
    *("values", "expectations", "by_hand"),
)
FILE = "course_helper.py"
SECTION = f"# {'-' * 77}"
FUTURE = "from __future__ import annotations"
OWN = "autograder."


def sources(folder: Path = FOLDER) -> list[Path]:
    """Return the files that course_helper.py is joined from."""
    return [folder / "__init__.py", *(folder / f"{part}.py" for part in PARTS)]


def joined(folder: Path = FOLDER) -> str:
    """Return the text of course_helper.py: the docstring, the imports, and part after part.

    Args:
        folder: of the parts.
    """
    first, *parts = [path.read_text(encoding="utf-8") for path in sources(folder)]
    imports: dict[str, set[str]] = {}
    sections = []
    for name, text in zip(PARTS, parts, strict=True):
        lines = text.splitlines()
        end = 0
        for statement in ast.parse(text).body[1:]:  # after the docstring
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                break
            _note(statement, imports)
            end = statement.end_lineno or 0
        body = "\n".join(lines[end:]).strip("\n")
        gap = "\n\n\n" if body.startswith(("def ", "class ", "@")) else "\n\n"
        sections.append(f"{SECTION} {name.replace('_', ' ')}{gap}{body}")
    docstring = first.splitlines()[: ast.parse(first).body[0].end_lineno]
    head = ["\n".join(docstring), FUTURE, *_import_blocks(imports)]
    return "\n\n".join(head) + "\n\n" + "\n\n\n".join(sections) + "\n"


def _note(statement: ast.Import | ast.ImportFrom, imports: dict[str, set[str]]) -> None:
    """Note what a statement imports: each module with the names from it, if it is from there."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            imports.setdefault(f"import {alias.name}", set())
    elif statement.module and not statement.module.startswith(("__future__", OWN)):
        names = imports.setdefault(f"from {statement.module} import", set())
        names.update(alias.name for alias in statement.names)


def _import_blocks(imports: dict[str, set[str]]) -> list[str]:
    """Return the imports of the standard library and the others, sorted as ruff does."""
    blocks: dict[bool, list[str]] = {True: [], False: []}
    for start in sorted(imports, key=lambda line: (line.startswith("from"), line.lower())):
        line = f"{start} {', '.join(sorted(imports[start]))}".rstrip()
        blocks[start.split()[1].partition(".")[0] in sys.stdlib_module_names].append(line)
    return ["\n".join(block) for block in blocks.values() if block]


class _Joiner(SourceFileLoader):
    """Reads what was joined where a file would be read."""

    def get_data(self, path: str) -> bytes:
        return joined().encode()


class OneFile(importlib.abc.MetaPathFinder):
    """Lets ``import course_helper`` give the joined module, which lies nowhere as a file."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != FOLDER.name:
            return None
        # Among the parts: the frames of both are passed over where an error is described.
        return importlib.util.spec_from_loader(fullname, _Joiner(fullname, str(FOLDER / FILE)))
