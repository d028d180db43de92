"""What on this machine is missing or does not fit, and how to mend it: `course doctor`.

Each look returns findings and never raises: the doctor is for machines where things are broken.
For the same reason it imports only where it needs to.
"""

from __future__ import annotations

import datetime
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder.course.config import Course, load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from autograder.text import some_of, telling_line

OK, NOTE, WARNING, MISSING = "ok", "note", "warning", "missing"
COLOURS = {OK: "green", NOTE: "cyan", WARNING: "yellow", MISSING: "red"}
INSTALL = 'python -m pip install --constraint constraints.txt --editable ".[test]"'
PROVISIONER = "course-sockets"
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


def run(root: Path, console: Console) -> bool:
    """Look at everything, print a table and the mends.

    Args:
        root: the repository.
        console: where to print.

    Returns:
        whether nothing that the course needs is missing.
    """
    findings: list[Finding] = []
    with console.status("looking") as status:
        for name, look in looks(root):
            status.update(f"looking at {name}")
            findings += _safely(name, look)
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
    missing = sum(finding.state == MISSING for finding in findings)
    warnings = sum(finding.state == WARNING for finding in findings)
    console.print(f"{missing} missing, {warnings} to look at.")
    return not missing


def looks(root: Path) -> Iterator[tuple[str, Callable[[], list[Finding]]]]:
    """Yield what the doctor looks at, a name and a function each, quick ones first."""
    course, findings = look_at_course(root)
    yield "course.toml", lambda: findings
    yield "Python", lambda: look_at_python(root)
    yield "packages", lambda: look_at_packages(root)
    yield "the course package", lambda: look_at_own_package(root)
    yield "programs", look_at_programs
    yield "the kernel", look_at_kernel
    yield "isolation", lambda: look_at_isolation(root)
    yield "PyTorch", look_at_torch
    yield "disk", lambda: look_at_disk(root)
    yield "memory", look_at_memory
    if course:
        yield "notebooks/", lambda: look_at_notebooks(course)


def _safely(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what a look finds; that it fails is a finding, too."""
    try:
        return look()
    except Exception as error:  # a broken library may raise anything
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
    dated = [assignment for assignment in course.assignments if assignment.due]
    for earlier, later in itertools.pairwise(dated):
        if later.due < earlier.due:
            told = f"{later.name} is due before {earlier.name}"
            findings.append(Finding(name, WARNING, told, f"edit course.toml: due of {later.name}"))
    now = now or datetime.datetime.now(datetime.UTC)
    if dated and all(assignment.due < now for assignment in dated):
        told = "every due date has passed"
        findings.append(Finding(name, WARNING, told, "edit course.toml: term and due dates"))
    fine = f"{len(course.names)} notebooks, {len(dated)} with a due date"
    return course, findings or [Finding(name, OK, fine)]


def look_at_python(root: Path) -> list[Finding]:
    """Compare this Python with the one that pyproject.toml asks for."""
    from packaging.specifiers import SpecifierSet

    wanted = _project(root)["requires-python"]
    version = ".".join(map(str, sys.version_info[:3]))
    told = f"{version} ({sys.executable})"
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return [Finding("Python", OK, told)]
    mend = "python3.11 -m venv .venv    # then install again, with .venv/bin/python"
    return [Finding("Python", MISSING, f"{told}; the course needs {wanted}", mend)]


def look_at_packages(root: Path) -> list[Finding]:
    """Compare what is installed with pyproject.toml and the versions in constraints.txt."""
    from packaging.requirements import Requirement

    pins = pinned(root)
    findings, fine = [], 0
    for text in _project(root)["dependencies"]:
        wanted = Requirement(text)
        pin = pins.get(_normal(wanted.name), "")
        mend = f'python -m pip install "{wanted.name}=={pin}"' if pin else INSTALL
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            findings.append(Finding(wanted.name, MISSING, "not installed", mend))
            continue
        if not wanted.specifier.contains(version, prereleases=True):
            told = f"{version}; the course needs {wanted.specifier}"
            findings.append(Finding(wanted.name, MISSING, told, mend))
        elif pin and version.partition("+")[0] != pin:
            told = f"{version}; the course was tested with {pin}"
            findings.append(Finding(wanted.name, WARNING, told, mend))
        else:
            fine += 1
    tested = "at the tested version" if pins else "(there is no constraints.txt)"
    return [*findings, Finding("packages", OK, f"{fine} {tested}")] if fine else findings


def pinned(root: Path) -> dict[str, str]:
    """Return the versions in constraints.txt that hold on this system, by package."""
    from packaging.requirements import Requirement

    path = root / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pins = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            (version,) = pin.specifier
            pins[_normal(pin.name)] = version.version
    return pins


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def look_at_own_package(root: Path) -> list[Finding]:
    """See that the `course` command runs this repository, and that Jupyter finds its kernels."""
    mend = "python -m pip install --no-deps --editable ."
    here = Path(__file__).resolve().parent.parent
    if here == (root / "autograder").resolve():
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
    try:
        import torch
        import torchvision
        from torchvision.ops import nms

        nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:  # a torchvision of another torch raises whatever it likes
        told = f"torch and torchvision do not work together: {error}".partition("\n")[0]
        mend = f"python -m pip install --force-reinstall {_pair()}"
        return [Finding("PyTorch", MISSING, told, mend)]
    told = f"torch {torch.__version__} and torchvision {torchvision.__version__} fit"
    return [Finding("PyTorch", OK, told), _gpu(torch)]


def _pair() -> str:
    pins = pinned(Path(__file__).resolve().parents[2])
    return " ".join(f"{n}=={pins[n]}" if n in pins else n for n in ("torch", "torchvision"))


def _gpu(torch) -> Finding:
    if torch.cuda.is_available():
        return Finding("GPU", OK, torch.cuda.get_device_name(0))
    if torch.backends.mps.is_available():
        return Finding("GPU", NOTE, "Apple's; the course computes on the CPU")
    if shutil.which("nvidia-smi") and _runs("nvidia-smi"):
        told = f"nvidia-smi sees one, torch {torch.__version__} does not"
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
