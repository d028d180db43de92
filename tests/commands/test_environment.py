"""`make` mends a damaged .venv: small ones are damaged here, and a stand-in for uv mends them.

The stand-in does as uv does: what has its metadata counts as installed, unless it is told to
install it anew. Nothing is downloaded.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.course import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the Makefile is for Unix")
PROJECT = '[project]\nname = "a-course"\nversion = "1.0"\n'
CONSTRAINTS = "# made\nrich==2.0\nother.one==3.0\nuv==9.9\n"
UV = """
import os, re, sys, sysconfig, zipfile
from pathlib import Path

site, shelf = Path(sysconfig.get_path("purelib")), Path(os.environ["SHELF"])
with (shelf / "log").open("a") as log:
    print(*sys.argv[1:], file=log)
wanted = re.findall(r"^(\\S+)==(\\S+)", Path("constraints.txt").read_text(), re.MULTILINE)
for name, version in [*wanted, ("a-course", "1.0")]:
    stem = re.sub("[-.]", "_", name)
    again = f"--reinstall-package={name.replace('.', '-')}" in sys.argv
    there = list(site.glob(f"{stem}-*.dist-info"))
    if [path.name for path in there] == [f"{stem}-{version}.dist-info"] and not again:
        continue
    for path in there:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    zipfile.ZipFile(shelf / f"{stem}-{version}-py3-none-any.whl").extractall(site)
"""


def put_on_shelf(shelf: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Make a wheel, a package as it is installed from."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tags}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(shelf / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


class Repository:
    """A repository with the Makefile, and a .venv.

    Attributes:
        root: the repository.
        site: where its packages are installed.
    """

    def __init__(self, root: Path, shelf: Path) -> None:
        self.root, self.shelf = root, shelf
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        self.site = root / ".venv" / "lib" / version / "site-packages"

    def look(self, *command: str) -> subprocess.CompletedProcess:
        """Run what the Makefile runs first; by default with this Python."""
        script = "autograder/commands/environment.py"
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.shelf)}
        return subprocess.run(
            [*(command or (sys.executable, "-I", script))],
            cwd=self.root,
            env={**os.environ, **offline, "SHELF": str(self.shelf)},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """Return the arguments of every call of uv since this was asked last."""
        log = self.shelf / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def bare(tmp_path) -> Repository:
    """A repository without .venv, as git clones it."""
    root, shelf = tmp_path / "repository", tmp_path / "shelf"
    (root / "autograder" / "commands").mkdir(parents=True)
    shelf.mkdir()
    shutil.copy(ROOT / "autograder" / "commands" / "environment.py", root / "autograder/commands")
    shutil.copy(ROOT / "Makefile", root)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "constraints.txt").write_text(CONSTRAINTS)
    for version in ("1.0", "2.0"):
        code = {"rich/__init__.py": f"of = {version}\n", "rich/deep/in/it.py": "", "rich/x.pyc": ""}
        put_on_shelf(shelf, "rich", version, code)
    put_on_shelf(shelf, "other_one", "3.0", {"other.py": ""})
    put_on_shelf(shelf, "a_course", "1.0", {"a_course.pth": ""})
    put_on_shelf(shelf, "uv", "9.9", {"uv/__init__.py": "", "uv/__main__.py": UV})
    return Repository(root, shelf)


@pytest.fixture
def sound(bare) -> Repository:
    """A repository whose .venv is whole. It has no pip: nothing but the stand-in installs."""
    command = [sys.executable, "-m", "venv", "--without-pip", bare.root / ".venv"]
    subprocess.run(command, check=True)
    zipfile.ZipFile(bare.shelf / "uv-9.9-py3-none-any.whl").extractall(bare.site)
    done = bare.look()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not installed to the end" in done.stdout
    assert len(bare.calls()) == 1
    return bare


def is_silent(repository: Repository) -> bool:
    done = repository.look()
    said = done.stdout + done.stderr
    return (done.returncode, said, repository.calls()) == (0, "", [])


def test_a_sound_environment_is_left_alone(sound):
    assert is_silent(sound)
    (sound.site / "rich" / "x.pyc").unlink(missing_ok=True)  # they may be cleaned away
    shutil.copytree(sound.site / "rich-2.0.dist-info", sound.site / "black-1.dist-info")
    assert is_silent(sound)
    shutil.rmtree(sound.site / "black-1.dist-info")  # which the user had installed
    assert is_silent(sound)


def delete(name: str) -> Callable[[Repository], None]:
    def damage(sound: Repository) -> None:
        path = sound.site / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def rename(sound: Repository) -> None:
    (sound.site / "rich-2.0.dist-info").rename(sound.site / "rich-1.0.dist-info")


def double(sound: Repository) -> None:
    shutil.copytree(sound.site / "rich-2.0.dist-info", sound.site / "rich-1.0.dist-info")


def forget(sound: Repository) -> None:
    (sound.root / ".venv" / "installed").unlink()


def stamp_as_it_was_before(sound: Repository) -> None:
    (sound.root / ".venv" / "installed").write_text("")


def ask_for_another(sound: Repository) -> None:
    path = sound.root / "constraints.txt"
    path.write_text(path.read_text().replace("rich==2.0", "rich==1.0"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (delete("rich"), "rich lacks rich/__init__.py"),
        (delete("rich/deep/in/it.py"), "rich lacks rich/deep/in/it.py"),
        (delete("other.py"), "other-one lacks other.py"),
        (delete("rich-2.0.dist-info"), "rich is not installed"),
        (delete("rich-2.0.dist-info/METADATA"), "rich lacks rich-2.0.dist-info/METADATA"),
        (delete("rich-2.0.dist-info/RECORD"), "rich lacks rich-2.0.dist-info/RECORD"),
        (delete("a_course-1.0.dist-info"), "a-course is not installed"),
        (delete("a_course.pth"), "a-course lacks a_course.pth"),
        (rename, "rich is at 1.0, not 2.0"),
        (double, "rich is installed twice"),
        (forget, "not installed to the end"),
        (stamp_as_it_was_before, "not installed to the end"),
        (ask_for_another, "pyproject.toml or constraints.txt has changed"),
    ],
)
def test_damage_is_mended(sound, damage, told):
    damage(sound)
    done = sound.look()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f".venv: {told}; installing\n"
    (call,) = sound.calls()
    assert call.startswith("pip install --python ") and call.endswith(" --editable .[test]")
    version = "1.0" if damage is ask_for_another else "2.0"
    assert [path.name for path in sound.site.glob("rich-*")] == [f"rich-{version}.dist-info"]
    assert (sound.site / "rich" / "__init__.py").read_text() == f"of = {version}\n"
    assert is_silent(sound)


def test_code_and_stamp_are_gone(sound):
    """An interrupted installation: uv believes the metadata, and no stamp tells better."""
    delete("rich")(sound)
    forget(sound)
    assert sound.look().returncode == 0
    assert "--reinstall-package=rich" in sound.calls()[0]
    assert is_silent(sound)


def test_an_installation_that_fails_is_tried_again(sound):
    delete("rich")(sound)
    wheel = sound.shelf / "rich-2.0-py3-none-any.whl"
    wheel.rename(sound.shelf / "away")
    done = sound.look()
    assert done.returncode == 2
    assert "Not all packages could be installed" in done.stderr
    (sound.shelf / "away").rename(wheel)
    assert sound.look().returncode == 0
    assert (sound.site / "rich" / "__init__.py").is_file()


def test_a_build_for_a_driver_is_of_the_same_version(sound):
    """Whoever has a GPU may have installed torch==2.0+cu132."""
    (sound.site / "rich-2.0.dist-info").rename(sound.site / "rich-2.0+cu132.dist-info")
    record = sound.site / "rich-2.0+cu132.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("rich-2.0", "rich-2.0+cu132"))
    assert is_silent(sound)


needs_make = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


def wrapper(path: Path, last_line: str) -> Path:
    """Write a program that stands for a Python."""
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{last_line}\n")
    path.chmod(0o755)
    return path


@needs_make
def test_a_python_that_is_too_old(bare):
    old = wrapper(bare.root / "old", "exit 1")
    done = bare.look("make", "environment", f"PYTHON={old}")
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stdout
    assert not (bare.root / ".venv").exists()


@pytest.mark.proof
@needs_make
def test_a_bare_machine_and_what_may_become_of_its_environment(bare):
    """Make builds .venv with pip, and makes it anew where nothing else helps."""
    used = bare.root / "used"
    python = wrapper(bare.root / "python", f'echo "$0" >>{used}\nexec {sys.executable} "$@"')
    venv = bare.root / ".venv"
    make = ("make", "environment")

    def expect(repository: Repository, told: str, *options: str) -> None:
        done = repository.look(*make, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith(f".venv: {told}"), done.stdout
        assert repository.look(*make).stdout == ""
        assert (repository.site / "rich" / "__init__.py").is_file()

    expect(bare, "there is none yet", f"PYTHON={python}")
    assert used.is_file()

    delete("uv/__main__.py")(bare)
    expect(bare, "uv lacks uv/__main__.py")

    delete("uv")(bare)
    delete("pip")(bare)
    expect(bare, "uv lacks uv/__init__.py")

    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    expect(bare, "its Python does not run", f"PYTHON={python}")

    wrapper(venv / "bin" / "python", """echo '[["/usr", 3, 9], "/nowhere"]'""")
    expect(bare, "made by another Python", f"PYTHON={python}")

    moved = bare.root.rename(bare.root.with_name("moved"))
    expect(Repository(moved, bare.shelf), "moved since it was made")
