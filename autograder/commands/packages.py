"""Packages of others that are missing or broken: which one it is, and how to mend it.

Standard library alone: these words are for machines where nothing else can be imported.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType, TracebackType

ROOT = Path(__file__).resolve().parents[2]
INSTALL = 'python -m pip install --constraint constraints.txt --editable ".[test]"'
# Packages of the course whose modules have another name.
IMPORTED_AS = {"otter-grader": "otter", "pyyaml": "yaml", "scikit-image": "skimage"}
PAIR = ("torch", "torchvision")  # which must fit together
OURS = {"autograder", "course_helper", "__main__", *sys.stdlib_module_names}
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)\s*(?:;(?P<marker>.*))?")


@dataclass(frozen=True)
class Culprit:
    """A package whose import fails.

    Attributes:
        module: its module, without submodules.
        reason: why it is broken; "" if there is none.
    """

    module: str
    reason: str

    def __str__(self) -> str:
        if self.reason:
            return f"the package {self.package} is broken ({self.reason})"
        return f"the package {self.package} is missing"

    @cached_property
    def package(self) -> str:
        """Its name, as it is installed by."""
        known = {module: package for package, module in IMPORTED_AS.items()}
        if self.module in known or normal(self.module) in pinned(ROOT):
            return known.get(self.module, normal(self.module))
        try:
            return normal(metadata.packages_distributions()[self.module][0])
        except Exception:  # no package has it, or one has lost its metadata
            return self.module

    @property
    def mend(self) -> str:
        """The command that installs it anew."""
        return mend_of(self.package, again=bool(self.reason))


def mend_of(package: str, again: bool) -> str:
    """Return the command that installs a package.

    Args:
        package: its name.
        again: whether it is there and broken. Otherwise its metadata may be there alone.
    """
    pins = pinned(ROOT)
    if package in PAIR:
        both = " ".join(f"{name}=={pins[name]}" if name in pins else name for name in PAIR)
        return f"python -m pip install --force-reinstall {both}"
    if package not in pins:
        return INSTALL
    # pip takes a package that has metadata for installed, whatever else is gone.
    forced = "--force-reinstall --no-deps " if again or _has_metadata(package) else ""
    return f'python -m pip install {forced}"{package}=={pins[package]}"'


def _has_metadata(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def culprit(error: BaseException) -> Culprit | None:
    """Return the package of others whose import an exception ended.

    Returns:
        None if it is no failed import, or one of this package, which is a bug.
    """
    name = _named(error) or _being_imported(error)
    module = name.partition(".")[0]
    if not module or module in OURS:
        return None
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return Culprit(module, "")
    return Culprit(module, f"{type(error).__name__}: {error}".partition("\n")[0])


def message(found: Culprit) -> str:
    """Return what the `course` command says of a package that it cannot import."""
    return f"course: {found}; run `make environment`, or: {found.mend}"


def _named(error: BaseException) -> str:
    """Return the module that an exception names; "" if it names none."""
    if isinstance(error, ImportError):
        return error.name or ""
    # A folder without code, as an interrupted installation leaves it, can be imported.
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return "" if getattr(error.obj, "__file__", None) else error.obj.__name__
    if isinstance(error, SyntaxError):
        _, _, inside = Path(error.filename or "").as_posix().partition("/site-packages/")
        return inside.removesuffix(".py").replace("/", ".")
    return ""


def _being_imported(error: BaseException) -> str:
    """Return the innermost module of others whose import the exception came from; or ""."""
    innermost = ""
    last: TracebackType | None = None
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_name == "<module>" and _is_of_others(trace):
            innermost = trace.tb_frame.f_globals.get("__name__", "")
        last, trace = trace, trace.tb_next
    if innermost or not isinstance(error, ImportError) or not last or not _is_of_others(last):
        return innermost
    return last.tb_frame.f_globals.get("__name__", "")


def _is_of_others(trace: TracebackType) -> bool:
    """Tell whether a line is in a package of others, and not in a file of this repository."""
    name = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    path = Path(trace.tb_frame.f_code.co_filename)
    installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return name not in OURS and path.is_absolute() and (installed or not path.is_relative_to(ROOT))


def normal(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def pinned(root: Path) -> dict[str, str]:
    """Return the versions in constraints.txt that hold on this system, by package.

    Without the package packaging, those that hold on every system.
    """
    path = root / "constraints.txt"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    pins = {}
    for pin in filter(None, map(PIN.match, text.splitlines())):
        marker = pin["marker"]
        if not marker or _holds(marker):
            pins[normal(pin["name"])] = pin["version"]
    return pins


def _holds(marker: str) -> bool:
    """Tell whether a marker is true of this system; without the package packaging none is."""
    try:
        from packaging.markers import Marker
    except Exception:  # a broken library may raise anything
        return False
    return Marker(marker).evaluate()
