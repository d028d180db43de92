"""Makes packages of others impossible to import in the processes that a test starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from pathlib import Path

from autograder.commands.packages import IMPORTED_AS
from tests.support.course import ROOT

ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
BROKEN = 'raise OSError("lib{name}.so: cannot open shared object file")\n'


def modules_of_dependencies() -> list[str]:
    """Return the modules of the packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [text.partition(">")[0].partition("[")[0] for text in project["dependencies"]]
    return [IMPORTED_AS.get(name, name.replace("-", "_")) for name in names]


def without(
    folder: Path, absent: Collection[str] = (), broken: Collection[str] = ()
) -> dict[str, str]:
    """Return an environment in which some modules cannot be imported.

    Args:
        folder: a new folder for what Python is led to.
        absent: modules that are not there.
        broken: modules that raise OSError when they are imported, as without their library.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ABSENT.format(names=set(absent)))
    for name in broken:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(BROKEN.format(name=name))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
