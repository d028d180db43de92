"""Keep .venv as it was installed: the Makefile runs this file, by its path, before all else.

If everything is there it says nothing and returns in less than half a second; else it installs
what is missing. Standard library alone, and nothing of this package: neither need be installed.

Damage that it sees: a .venv of another Python, or one that was moved; changed requirements; an
installation that did not end; a package that is gone, lacks a file or has another version.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT, CONSTRAINTS = ROOT / "pyproject.toml", ROOT / "constraints.txt"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"  # what was installed, as JSON; written when all of it was there
ASK = """
import json, os, sys, sysconfig
this = [os.path.realpath(sys.base_prefix), *sys.version_info[:2]]
print(json.dumps([this, sysconfig.get_path("purelib")]))
"""


@dataclass(frozen=True)
class Package:
    """An installed package.

    Attributes:
        name: in its one spelling.
        version: without what names a build, such as +cpu.
        info: its folder of metadata.
        gone: its files that are gone.
    """

    name: str
    version: str
    info: Path
    gone: list[str]


def main() -> int:
    """Look at .venv and mend it; return an exit code."""
    reason = unfit() or damage()
    if not reason:
        return 0
    print(f".venv: {reason}; installing", flush=True)
    try:
        mend()
    except subprocess.CalledProcessError as error:
        print(f"Not all packages could be installed: {error}", file=sys.stderr)
        return 2
    reason = unfit() or damage()
    if reason:
        print(f".venv: {reason}, still; remove .venv and try again", file=sys.stderr)
    return 2 if reason else 0


def unfit() -> str:
    """Return why .venv must be made anew; "" if it need not."""
    if not VENV.exists():
        return "there is none yet"
    python, _ = ask_python(PYTHON)
    if python is None:
        return "its Python does not run"
    if python != ask_python(Path(sys.executable))[0]:
        return f"made by another Python than {sys.executable}"
    activate = VENV / "bin" / "activate"
    # Its programs begin with the path of their Python.
    if not activate.is_file() or str(VENV) not in activate.read_text(encoding="utf-8"):
        return "moved since it was made"
    return ""


def damage() -> str:
    """Return the first reason why packages must be installed; "" if all are there."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "not installed to the end"
    if stamp["asked"] != asked():
        return "pyproject.toml or constraints.txt has changed"
    there: dict[str, list[Package]] = {}
    for package in packages():
        there.setdefault(package.name, []).append(package)
    for name, version in stamp["versions"].items():
        if name not in there:
            return f"{name} is not installed"
        package, *others = there[name]
        if others:
            return f"{name} is installed twice"
        if package.version != version:
            return f"{name} is at {package.version}, not {version}"
        if package.gone:
            return f"{name} lacks {package.gone[0]}"
    return ""


def ask_python(program: Path) -> tuple[list | None, Path]:
    """Return which Python a program is, and where it finds packages; None if it does not run."""
    try:
        done = subprocess.run(
            [program, "-I", "-c", ASK], capture_output=True, text=True, check=False
        )
        this, site = json.loads(done.stdout)
    except (OSError, ValueError):
        return None, Path()
    return this, Path(site)


def asked() -> str:
    """Return a hash of what is to be installed."""
    return hashlib.sha256(PROJECT.read_bytes() + b"\0" + CONSTRAINTS.read_bytes()).hexdigest()


def packages() -> Iterator[Package]:
    """Yield the installed packages. All their files are looked for: 45,000 take 0.3 s."""
    _, site = ask_python(PYTHON)
    for info in sorted(site.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        gone = [path for path in recorded(info) if not (site / path).exists()]
        yield Package(normal(name), version.partition("+")[0], info, gone)


def recorded(info: Path) -> Iterator[str]:
    """Yield the files of a package, compiled ones left out: they may be cleaned away."""
    yield f"{info.name}/METADATA"
    yield f"{info.name}/RECORD"
    try:
        text = (info / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        path = line.rsplit(",", 2)[0].strip('"')
        if path and not path.endswith(".pyc"):
            yield path


def normal(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def mend() -> None:
    """Install what is missing and write the stamp.

    Raises:
        subprocess.CalledProcessError: pip or uv could not.
    """
    STAMP.unlink(missing_ok=True)
    if unfit() or not (runs("pip") or is_sound("uv")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    remove_torn()
    # uv installs in half a minute what takes pip three.
    if not is_sound("uv"):
        options = ["--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps"]
        run("pip", "install", *options, "--constraint", CONSTRAINTS, "uv")
    # What has its metadata counts as installed, whatever else is gone.
    again = [f"--reinstall-package={package.name}" for package in packages() if package.gone]
    places: list[str | Path] = ["--python", PYTHON, "--constraint", CONSTRAINTS]
    places += ["--build-constraint", CONSTRAINTS]
    # Editable, so that only a change of the dependencies asks for a new installation.
    run("uv", "pip", "install", *places, *again, "--editable", ".[test]")
    versions = {package.name: package.version for package in packages()}
    stamp = {
        "asked": asked(),
        "versions": {name: versions[name] for name in versions.keys() & needed()},
    }
    STAMP.write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def needed() -> set[str]:
    """Return the packages that may be needed: others are the user's own."""
    own = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["name"]
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return {normal(own), *(normal(line.partition("==")[0]) for line in lines if "==" in line)}


def remove_torn() -> None:
    """Remove metadata that installers stumble over: half of it, or of two versions."""
    there = list(packages())
    names = [package.name for package in there]
    for package in there:
        torn = {f"{package.info.name}/{name}" for name in ("METADATA", "RECORD")}
        if names.count(package.name) > 1 or not torn.isdisjoint(package.gone):
            shutil.rmtree(package.info)


def is_sound(name: str) -> bool:
    """Tell whether a package is there, whole and in the version of constraints.txt."""
    pin = re.search(rf"^{name}==([^\s;]+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    there = [package for package in packages() if package.name == name]
    return bool(there) and not there[0].gone and (not pin or there[0].version == pin[1])


def runs(module: str) -> bool:
    """Tell whether a program of .venv starts."""
    command: list[str | Path] = [PYTHON, "-m", module, "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run(module: str, *arguments: str | Path) -> None:
    """Run a program of .venv in the repository.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run([PYTHON, "-m", module, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
