"""What on this machine is missing or does not fit, and how to mend it: `course doctor`.

Each look returns findings and never raises: the doctor is for machines where things are broken.
For the same reason it starts with the standard library alone, and does without rich.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.commands.packages import (
    IMPORTED_AS,
    INSTALL,
    PAIR,
    culprit,
    mend_of,
    normal,
    pinned,
)
from autograder.course.config import Course, load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from autograder.text import some_of, telling_line

if TYPE_CHECKING:
    from rich.console import Console

OK, NOTE, WARNING, MISSING = "ok", "note", "warning", "missing"
COLOURS = {OK: "green", NOTE: "cyan", WARNING: "yellow", MISSING: "red"}
PROVISIONER = "course-sockets"
DISTRIBUTION = "deep-learning-for-images"
PLACEHOLDER = "your-university"
ENOUGH_DISK, ENOUGH_MEMORY = 5 << 30, 4 << 30  # bytes; a submission may use 3 GiB
TRY_JAIL = """
import os, sys
from pathlib import Path
from autograder.judging.sandbox import jail
try:
    jail.try_all(Path(sys.argv[1]), sys.argv[2])
except OSError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(1)
os._exit(0)
"""
# In a process of its own: a torch built for another processor ends the process.
TRY_TORCH = """
import json
import torch, torchvision
from torchvision.ops import nms
nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
apple = torch.backends.mps.is_available()
print()
print(json.dumps([torch.__version__, torchvision.__version__, gpu, apple]))
"""


@dataclass(frozen=True)
class Finding:
    """What the doctor found.

    Attributes:
        name: of what it looked at.
        state: "ok"; "note", nothing is wrong; "warning", something works less well;
            "missing", the course does not work.
        told: what there is.
        mend: a command or a short instruction; "" if there is nothing to mend.
    """

    name: str
    state: str
    told: str
    mend: str = ""


def console() -> Console | None:
    """Return the terminal through rich; None if rich does not work."""
    try:
        from rich.console import Console
        from rich.table import Table  # noqa: F401  # all that `run` needs

        terminal = Console(highlight=False)
        terminal.status("")
    except Exception:  # a broken library may raise anything
        return None
    return terminal


def run(root: Path, console: Console | None) -> bool:
    """Look at everything, print what was found and the mends.

    Args:
        root: the repository.
        console: where to print; None prints plain lines.

    Returns:
        whether nothing that the course needs is missing.
    """
    findings: list[Finding] = []
    with console.status("looking") if console else contextlib.nullcontext() as status:
        for name, look in looks(root):
            if status:
                status.update(f"looking at {name}")
            findings += _safely(name, look)
    if console:
        _show(findings, console)
    else:
        _show_plainly(findings)
    return not _count(findings, MISSING)


def _show(findings: list[Finding], console: Console) -> None:
    from rich.table import Table

    table = Table("", "What")
    table.add_column("Found", overflow="fold")
    for finding in findings:
        colour = COLOURS[finding.state]
        table.add_row(f"[{colour}]{finding.state}[/{colour}]", finding.name, finding.told)
    console.print(table)
    for finding in findings:
        if finding.mend:
            console.print(f"{finding.name}:", style="bold")
            console.print(f"    {finding.mend}", soft_wrap=True, markup=False)
    console.print(_verdict(findings))


def _show_plainly(findings: list[Finding]) -> None:
    for finding in findings:
        print(f"{finding.state:8} {finding.name}: {finding.told}")
    for finding in findings:
        if finding.mend:
            print(f"{finding.name}:\n    {finding.mend}")
    print(_verdict(findings))


def _verdict(findings: list[Finding]) -> str:
    return f"{_count(findings, MISSING)} missing, {_count(findings, WARNING)} to look at."


def _count(findings: list[Finding], state: str) -> int:
    return sum(finding.state == state for finding in findings)


def looks(root: Path) -> Iterator[tuple[str, Callable[[], list[Finding]]]]:
    """Yield what the doctor looks at, a name and a function each, quick ones first."""
    course, findings = look_at_course(root)
    yield "course.toml", lambda: findings
    yield "Python", lambda: look_at_python(root)
    yield "packages", lambda: look_at_packages(root)
    yield "extras", lambda: look_at_extras(root)
    yield "imports", lambda: look_at_imports(root)
    yield "the course package", lambda: look_at_own_package(root)
    yield "programs", look_at_programs
    yield "the kernel", look_at_kernel
    yield "isolation", lambda: look_at_isolation(root)
    torch: list[Finding] = []

    def look_and_note() -> list[Finding]:
        torch.extend(look_at_torch())
        return torch

    yield "PyTorch", look_and_note
    yield "disk", lambda: look_at_disk(root)
    yield "memory", look_at_memory
    if course and torch and torch[0].state == OK:  # the checks import it, and it may end Python
        yield "notebooks/", lambda: look_at_notebooks(course)


def _safely(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what a look finds; that it fails is a finding, too."""
    try:
        return look()
    except Exception as error:  # a broken library may raise anything
        found = culprit(error)
        if found:
            return [Finding(name, MISSING, f"could not be looked at: {found}", found.mend)]
        reason = f"could not be looked at: {type(error).__name__}: {error}".partition("\n")[0]
        return [Finding(name, MISSING, reason, INSTALL)]


def look_at_course(
    root: Path, now: datetime.datetime | None = None
) -> tuple[Course | None, list[Finding]]:
    """Return the course, if course.toml can be read, and what is odd about it.

    Args:
        root: the repository.
        now: the time, by default the clock's.
    """
    name = "course.toml"
    try:
        course = load_course(root)
    except CourseError as error:
        where = f" (line {error.line})" if error.line else ""
        return None, [Finding(name, MISSING, f"{error.message}{where}", "edit course.toml")]
    findings = []
    if PLACEHOLDER in course.repository:
        told = f"repository is still the placeholder {course.repository}; Colab clones it"
        mend = "edit course.toml: repository = the address of your public student repository"
        findings.append(Finding(name, WARNING, told, mend))
    dated = [(each.name, each.due) for each in course.assignments if each.due]
    for (earlier, first), (later, second) in itertools.pairwise(dated):
        if second < first:
            told = f"{later} is due before {earlier}"
            findings.append(Finding(name, WARNING, told, f"edit course.toml: due of {later}"))
    now = now or datetime.datetime.now(datetime.UTC)
    if dated and all(due < now for _, due in dated):
        told = "every due date has passed"
        findings.append(Finding(name, WARNING, told, "edit course.toml: term and due dates"))
    fine = f"{len(course.names)} notebooks, {len(dated)} with a due date"
    return course, findings or [Finding(name, OK, fine)]


def look_at_python(root: Path) -> list[Finding]:
    """Compare this Python with the one that pyproject.toml asks for."""
    wanted = _project(root)["requires-python"]
    oldest = tuple(int(number) for number in wanted.removeprefix(">=").split("."))
    version = ".".join(map(str, sys.version_info[:3]))
    told = f"{version} ({sys.executable})"
    if sys.version_info[:3] >= oldest:
        return [Finding("Python", OK, told)]
    mend = "python3.11 -m venv .venv    # then install again, with .venv/bin/python"
    return [Finding("Python", MISSING, f"{told}; the course needs {wanted}", mend)]


def look_at_packages(root: Path) -> list[Finding]:
    """Compare what is installed with pyproject.toml and the versions in constraints.txt."""
    pins = pinned(root)
    wanted = _project(root)["dependencies"]
    findings = [finding for text in wanted if (finding := _odd_package(text, pins))]
    fine = len(wanted) - len(findings)
    tested = "at the tested version" if pins else "(there is no constraints.txt)"
    return [*findings, Finding("packages", OK, f"{fine} {tested}")] if fine else findings


def _odd_package(text: str, pins: dict[str, str]) -> Finding | None:
    """Return what is wrong with a package; None if nothing is.

    Args:
        text: as pyproject.toml asks for it.
        pins: the versions in constraints.txt.
    """
    name = _name(text)
    pin = pins.get(normal(name), "")
    try:
        package = metadata.distribution(name)
        version = package.version
    except Exception:  # it has none, or an interrupted installation has left half of it
        return Finding(name, MISSING, "not installed", mend_of(normal(name), again=False))
    mend = f'python -m pip install "{name}=={pin}"' if pin else INSTALL
    if not _fits(text, version):
        told = f"{version}; the course needs {text.removeprefix(name)}"
        return Finding(name, MISSING, told, mend)
    if pin and version.partition("+")[0] != pin:
        told = f"{version}; the course was tested with {pin}"
        return Finding(name, WARNING, told, mend)
    again = mend_of(normal(name), again=True)
    built_for = _built_for(package)
    if built_for:
        told = f"built for {built_for}, this is Python {sys.version_info[0]}.{sys.version_info[1]}"
        return Finding(name, MISSING, told, again)
    gone = [str(file) for file in package.files or () if _is_gone(file)]
    if gone:
        return Finding(name, MISSING, f"some of its files are gone: {some_of(gone, 1)}", again)
    return None


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]


def _fits(requirement: str, version: str) -> bool:
    """Tell whether a version will do; without the package packaging nobody knows."""
    try:
        from packaging.requirements import Requirement
    except Exception:  # a broken library may raise anything
        return True
    return Requirement(requirement).specifier.contains(version, prereleases=True)


def _built_for(package: metadata.Distribution) -> str:
    """Return which other Pythons a package was built for; "" if it may run in this one."""
    tags = re.findall(r"^Tag: (\w+)-(\w+)-", package.read_text("WHEEL") or "", re.MULTILINE)
    this = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    if not tags or any(this in python or "py3" in python or abi == "abi3" for python, abi in tags):
        return ""
    return " and ".join(sorted({python for python, _ in tags}))


def _is_gone(file: metadata.PackagePath) -> bool:
    """Tell whether a file of a package is gone; compiled files and programs do not count."""
    return file.suffix != ".pyc" and ".." not in file.parts and not Path(file.locate()).exists()


def look_at_extras(root: Path) -> list[Finding]:
    """See what is there of the packages that the course does without."""
    findings = []
    extras = _project(root)["optional-dependencies"]
    for extra, needs in (("site", "`course site`"), ("test", "`make test`")):
        names = [_name(text) for text in extras[extra] if "[" not in text]
        missing = [name for name in names if not _is_installed(name)]
        if missing:
            told = f"not installed: {', '.join(missing)}; {needs} alone needs them"
            findings.append(Finding(f"packages for {needs}", NOTE, told))
    return findings


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def look_at_imports(root: Path) -> list[Finding]:
    """Import every package that is installed; those that fail are findings, each once.

    torch and torchvision have a look of their own.
    """
    told: dict[str, Finding] = {}
    names = [_name(text) for text in _project(root)["dependencies"]]
    fine = 0
    for name in names:
        if name in PAIR or not _is_installed(name):
            continue
        try:
            module = importlib.import_module(IMPORTED_AS.get(name, name.replace("-", "_")))
            if module.__file__ is None:
                raise ImportError("it has no code", name=name)
        except Exception as error:  # a broken library may raise anything
            found = culprit(error)
            package, mend = (found.package, found.mend) if found else (name, INSTALL)
            reason = (found and found.reason) or str(error).partition("\n")[0]
            told.setdefault(package, Finding(package, MISSING, f"no import: {reason}", mend))
        else:
            fine += 1
    return [*told.values(), Finding("imports", OK, f"{fine} packages can be imported")]


def _project(root: Path) -> dict:
    """Return what the package asks for: by pyproject.toml where it is developed, else as installed.

    Args:
        root: the course, which may lie elsewhere.
    """
    if is_own_repository(root):
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = metadata.metadata(DISTRIBUTION)
    needed = metadata.requires(DISTRIBUTION) or []
    extras: dict[str, list[str]] = {"site": [], "test": []}
    for line in needed:
        if extra := re.search(r"extra == ['\"](\w+)['\"]", line):
            extras.setdefault(extra[1], []).append(line.partition(";")[0].strip())
    return {
        "requires-python": found["Requires-Python"],
        "dependencies": [line for line in needed if "extra ==" not in line],
        "optional-dependencies": extras,
    }


def is_own_repository(root: Path) -> bool:
    """Tell whether a course lies in the repository of the package that runs."""
    return (root / "autograder" / "__init__.py").is_file()


def look_at_own_package(root: Path) -> list[Finding]:
    """See that the `course` command runs this repository, and that Jupyter finds its kernels."""
    mend = "python -m pip install --no-deps --editable ."
    here = Path(__file__).resolve().parent.parent
    if here == (root / "autograder").resolve() or not is_own_repository(root):
        findings = [Finding("course command", OK, f"runs {here}")]
    else:
        told = f"runs {here}, not the package of this repository"
        findings = [Finding("course command", WARNING, told, mend)]
    found = metadata.entry_points(group="jupyter_client.kernel_provisioners", name=PROVISIONER)
    if found:
        next(iter(found)).load()
        findings.append(Finding("kernel provisioner", OK, f"{PROVISIONER} is registered"))
    else:
        told = f"{PROVISIONER} is not registered; nbgrader and otter start no kernel under `course`"
        findings.append(Finding("kernel provisioner", MISSING, told, mend))
    return findings


def look_at_programs() -> list[Finding]:
    """Find the programs that the course starts or tells people to start."""
    find_own_tools()
    own = Path(sys.executable).parent
    findings = []
    for name in ("jupyter", "nbgrader", "otter"):
        path = shutil.which(name)
        if path is None:
            findings.append(Finding(name, MISSING, "not found", INSTALL))
        elif Path(path).parent != own:
            told = f"{path} is another environment's, not of {own}"
            findings.append(Finding(name, WARNING, told, INSTALL))
        else:
            findings.append(Finding(name, OK, path))
    for name, used in (("git", "Colab's set-up cell clones with it"), ("make", "runs the tests")):
        path = shutil.which(name)
        missing = Finding(name, WARNING, f"not found; {used}", f"install {name} of your system")
        findings.append(Finding(name, OK, path) if path else missing)
    return [*findings, _pdf()]


def _pdf() -> Finding:
    """Tell whether otter can make PDFs of written answers; the course does without."""
    tex = shutil.which("xelatex") and shutil.which("pandoc")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if tex or chromium:
        told = f"otter export can use {'LaTeX' if tex else 'Chromium'}"
        return Finding("PDFs", OK, told)
    told = "no LaTeX with pandoc and no Chromium: `otter export` makes no PDF; all else works"
    return Finding("PDFs", NOTE, told)


def look_at_kernel() -> list[Finding]:
    """See that notebooks run in this Python: Jupyter may find another kernel called python3."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = "python -m ipykernel install --sys-prefix"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        told = "there is none called python3"
        return [
            Finding("kernel python3", MISSING, told, f"python -m pip install ipykernel; {mend}")
        ]
    program = shutil.which(spec.argv[0]) or spec.argv[0]
    # Not resolved: programs of many environments are links to one Python.
    if Path(program).absolute() == Path(sys.executable).absolute():
        return [Finding("kernel python3", OK, program)]
    told = f"runs {program}, not the Python of this environment"
    return [Finding("kernel python3", WARNING, told, mend)]


def look_at_isolation(root: Path) -> list[Finding]:
    """Try what judging.sandbox.jail does with a submission, and whether processes can be forked."""
    from autograder.judging.sandbox.fork_client import SUPPORTED

    if not SUPPORTED:
        told = f"none on {sys.platform}: grading is slower and a submission sees your files"
        return [Finding("isolation", WARNING, told, "grade on Linux, for instance in WSL 2")]
    findings = [Finding("fork", OK, "kernels and submissions start from a warm process")]
    with tempfile.TemporaryDirectory(prefix="room-") as room:
        command = [sys.executable, "-c", TRY_JAIL, str(root / "data"), room]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode == 0:
        told = "a submission sees no other file, network or process"
        return [*findings, Finding("isolation", OK, told)]
    reason = telling_line(done.stderr)
    told = f"no Linux namespaces ({reason}): a submission sees your files and network"
    mend = _namespaces_mend()
    return [*findings, Finding("isolation", WARNING, told, mend)]


def _namespaces_mend() -> str:
    """Return how to allow namespaces: the setting that forbids them here, if it is known."""
    for setting, wanted in (
        ("kernel/unprivileged_userns_clone", "1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0"),
    ):
        path = Path("/proc/sys") / setting
        if path.is_file() and path.read_text().strip() != wanted:
            return f"sudo sysctl -w {setting.replace('/', '.')}={wanted}"
    return "in Docker: docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN ..."


def look_at_torch() -> list[Finding]:
    """See that torch and torchvision fit together, and whether there is a GPU."""
    command = [sys.executable, "-c", TRY_TORCH]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = telling_line(done.stderr)
        if done.returncode < 0:
            reason = f"they ended by {signal.Signals(-done.returncode).name}"
        told = f"torch and torchvision do not work together: {reason}"
        return [Finding("PyTorch", MISSING, told, mend_of("torch", again=True))]
    torch, torchvision, gpu, apple = json.loads(done.stdout.splitlines()[-1])
    told = f"torch {torch} and torchvision {torchvision} fit"
    return [Finding("PyTorch", OK, told), _gpu(torch, gpu, apple)]


def _gpu(torch: str, gpu: str, apple: bool) -> Finding:
    """Tell whether there is a GPU.

    Args:
        torch: its version.
        gpu: the name of the one that torch sees; "" if none.
        apple: whether torch sees Apple's.
    """
    if gpu:
        return Finding("GPU", OK, gpu)
    if apple:
        return Finding("GPU", NOTE, "Apple's; the course computes on the CPU")
    if shutil.which("nvidia-smi") and _runs("nvidia-smi"):
        told = f"nvidia-smi sees one, torch {torch} does not"
        mend = "install the torch build for your driver; see the selector on PyTorch's site"
        return Finding("GPU", WARNING, told, mend)
    return Finding("GPU", OK, "none; every notebook runs on the CPU")


def _runs(program: str) -> bool:
    try:
        return (
            subprocess.run([program], capture_output=True, timeout=20, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def look_at_disk(root: Path) -> list[Finding]:
    """Look at the free space where the course and where temporary files lie."""
    places = {"disk": root, "temporary files": Path(tempfile.gettempdir())}
    return [_space(name, place) for name, place in places.items()]


def _space(name: str, place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    told = f"{free / 2**30:.1f} GiB free in {place}"
    if free >= ENOUGH_DISK:
        return Finding(name, OK, told)
    mend = "make room" if name == "disk" else "export TMPDIR=/a/larger/folder"
    return Finding(name, WARNING, f"{told}; {ENOUGH_DISK >> 30} GiB are on the safe side", mend)


def look_at_memory() -> list[Finding]:
    """Look at the memory that this process may use, containers' limits included."""
    from distributed.system import MEMORY_LIMIT

    told = f"{MEMORY_LIMIT / 2**30:.1f} GiB, {os.cpu_count()} cores"
    if MEMORY_LIMIT >= ENOUGH_MEMORY:
        return [Finding("memory", OK, told)]
    mend = "course grade SUBMISSIONS --out RESULTS --workers 1"
    return [Finding("memory", WARNING, f"{told}; grade one submission at a time", mend)]


def look_at_notebooks(course: Course) -> list[Finding]:
    """See whether notebooks/ is what the masters give."""
    from autograder.building import build
    from autograder.course.compose import compose

    try:
        lines = build.stale(course, [compose(course, name) for name in course.names])
    except CourseError as error:
        return [Finding("notebooks/", MISSING, str(error), "mend the source, then: course build")]
    if not lines:
        return [Finding("notebooks/", OK, "up to date; no solution and no hidden check in it")]
    return [Finding("notebooks/", WARNING, some_of(lines, 1), "course build")]
