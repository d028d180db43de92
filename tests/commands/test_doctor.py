"""`course doctor` tells what is missing, each with its mend; here things are made missing."""

import datetime
import os
import re
import shutil
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from autograder.commands import doctor
from autograder.commands.cli import main
from autograder.commands.doctor import MISSING, NOTE, OK, WARNING, Finding
from tests.support.broken_packages import modules_of_dependencies, without
from tests.support.course import COURSE, COURSE_TOML, ROOT

NEW_YEAR = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)


def only(findings: list[Finding], name: str) -> Finding:
    """Return the finding of this name."""
    (found,) = (finding for finding in findings if finding.name == name)
    return found


def states(findings: list[Finding]) -> set[str]:
    return {finding.state for finding in findings}


@pytest.mark.slow
def test_a_sound_python_and_sound_packages():
    assert states(doctor.look_at_python(ROOT)) == {OK}
    assert MISSING not in states(doctor.look_at_packages(ROOT))
    assert states(doctor.look_at_torch()[:1]) == {OK}


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1, "final", 0))
    (finding,) = doctor.look_at_python(ROOT)
    assert finding.state == MISSING and "3.9.1" in finding.told and ">=3.11" in finding.told


@pytest.fixture
def versions(monkeypatch):
    """Packages whose version is not the installed one; None is not installed."""
    given: dict[str, str | None] = {}
    real = metadata.distribution

    def distribution(name: str):
        if name in given and given[name] is None:
            raise metadata.PackageNotFoundError(name)
        found = real(name)
        return types.SimpleNamespace(
            version=given.get(name) or found.version, files=found.files, read_text=found.read_text
        )

    monkeypatch.setattr(metadata, "distribution", distribution)
    return given


def test_packages_that_are_missing_too_old_or_untested(versions):
    pins = doctor.pinned(ROOT)
    tested = {name: pins[name] for name in ("nbgrader", "rich", "click", "torch")}
    versions |= {
        "nbgrader": None,
        "rich": "9.0",
        "click": "99.1",
        "torch": f"{tested['torch']}+cpu",
    }
    findings = doctor.look_at_packages(ROOT)
    assert only(findings, "nbgrader").state == only(findings, "rich").state == MISSING
    assert only(findings, "nbgrader").mend == (
        f'python -m pip install "nbgrader=={tested["nbgrader"]}"'
    )
    assert "9.0; the course needs >=14" in only(findings, "rich").told
    assert only(findings, "click").state == WARNING
    assert f"tested with {tested['click']}" in only(findings, "click").told
    assert "torch" not in {finding.name for finding in findings}


def test_pins_hold_on_this_system_alone(tmp_path):
    (tmp_path / "constraints.txt").write_text(
        "# made\nColour_Ama==1.0 ; sys_platform == 'nowhere'\nA.b==2.1\n"
        "both==1 ; python_version < '3'\nboth==2 ; python_version >= '3'\n"
    )
    assert doctor.pinned(tmp_path) == {"a-b": "2.1", "both": "2"}


def package(root: Path, tag: str, files: tuple[str, ...] = ()) -> metadata.Distribution:
    """Make the metadata of a package."""
    info = root / "torch-2.15.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.15.0\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    return metadata.PathDistribution(info)


THIS = f"cp{sys.version_info[0]}{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("cp39-cp39-linux_x86_64", "built for cp39, this is Python 3."),
        (f"{THIS}-{THIS}-linux_x86_64", ""),
        ("cp39-abi3-linux_x86_64", ""),
        ("py3-none-any", ""),
        ("py2.py3-none-any", ""),
    ],
)
def test_a_torch_that_was_built_for_another_python(tmp_path, monkeypatch, tag, told):
    made = package(tmp_path, tag)
    monkeypatch.setattr(metadata, "distribution", lambda name: made)
    finding = doctor._odd_package("torch>=2.15,<3", {"torch": "2.15.0"})
    assert (finding.told if finding else "").startswith(told) and bool(finding) == bool(told)
    if finding:
        assert finding.state == MISSING
        assert finding.mend.startswith("python -m pip install --force-reinstall torch==")


def test_a_package_whose_files_are_gone(tmp_path, monkeypatch):
    made = package(tmp_path, "py3-none-any", ("torch/a.py", "torch/b.pyc", "../bin/torch", "c.py"))
    monkeypatch.setattr(metadata, "distribution", lambda name: made)
    finding = doctor._odd_package("torch>=2", {})
    assert finding.state == MISSING
    assert finding.told == "some of its files are gone: torch/a.py and 1 more"


def test_packages_that_are_not_needed(monkeypatch):
    monkeypatch.setattr(doctor, "_is_installed", lambda name: name not in ("mypy", "sphinx"))
    site, test = doctor.look_at_extras(ROOT)
    assert site.state == test.state == NOTE
    assert site.told == "not installed: sphinx; `course site` alone needs them"
    assert test.told == "not installed: mypy; `make test` alone needs them"


def test_torchvision_of_another_torch(monkeypatch, tmp_path):
    # What `import torchvision` raises then: RuntimeError, not ImportError.
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('there is no torchvision::nms')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (finding,) = doctor.look_at_torch()
    assert finding.state == MISSING
    assert finding.told.endswith("RuntimeError: there is no torchvision::nms")
    assert finding.mend.startswith("python -m pip install --force-reinstall torch==")
    assert "torchvision==" in finding.mend


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_torch_for_another_processor(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("import os\nos.kill(os.getpid(), 4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (finding,) = doctor.look_at_torch()
    assert finding.state == MISSING and "ended by SIGILL" in finding.told


def test_the_gpu_is_seen_or_not(monkeypatch):
    monkeypatch.setattr(doctor, "_runs", lambda program: True)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor._gpu("9.9+cpu", "H200", False).told == "H200"
    assert doctor._gpu("9.9+cpu", "", False).state == OK
    assert doctor._gpu("9.9+cpu", "", True).state == NOTE
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    unseen = doctor._gpu("9.9+cpu", "", False)
    assert unseen.state == WARNING and "torch 9.9+cpu does not" in unseen.told and unseen.mend


def test_programs_that_are_missing_or_of_another_environment(monkeypatch):
    places = {"nbgrader": "/elsewhere/bin/nbgrader", "git": "/usr/bin/git"}
    monkeypatch.setattr(doctor.shutil, "which", places.get)
    findings = doctor.look_at_programs()
    assert only(findings, "jupyter").state == only(findings, "otter").state == MISSING
    assert only(findings, "nbgrader").state == WARNING
    assert only(findings, "git").state == OK
    assert only(findings, "make").state == WARNING
    assert only(findings, "PDFs").state == NOTE
    assert all(f.mend for f in findings if f.state in (WARNING, MISSING))


def test_a_kernel_of_another_python(monkeypatch, tmp_path):
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    monkeypatch.setattr(
        KernelSpecManager, "get_kernel_spec", lambda *_: KernelSpec(argv=["/other/python"])
    )
    (finding,) = doctor.look_at_kernel()
    assert finding.state == WARNING and "/other/python" in finding.told
    assert finding.mend == "python -m ipykernel install --sys-prefix"

    def none(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    assert states(doctor.look_at_kernel()) == {MISSING}


def test_another_checkout_and_an_unregistered_provisioner(monkeypatch, tmp_path):
    assert only(doctor.look_at_own_package(ROOT), "course command").state == OK
    # A course elsewhere is served by any engine; another checkout of the engine is not.
    assert only(doctor.look_at_own_package(tmp_path), "course command").state == OK
    (tmp_path / "autograder").mkdir()
    (tmp_path / "autograder" / "__init__.py").touch()
    assert only(doctor.look_at_own_package(tmp_path), "course command").state == WARNING
    monkeypatch.setattr(doctor.metadata, "entry_points", lambda **_: ())
    finding = only(doctor.look_at_own_package(ROOT), "kernel provisioner")
    assert finding.state == MISSING
    assert finding.mend == "python -m pip install --no-deps --editable ."


@pytest.mark.skipif(sys.platform != "linux", reason="the jail is Linux's")
def test_a_machine_without_namespaces(monkeypatch):
    said = "unshare: Operation not permitted"
    done = subprocess.CompletedProcess([], 1, "", f"[Errno 1] {said}\n")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: done)
    findings = doctor.look_at_isolation(ROOT)
    assert only(findings, "fork").state == OK
    finding = only(findings, "isolation")
    assert finding.state == WARNING and said in finding.told and finding.mend


def test_a_system_without_fork(monkeypatch):
    monkeypatch.setattr("autograder.judging.sandbox.fork_client.SUPPORTED", False)
    assert states(doctor.look_at_isolation(ROOT)) == {WARNING}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the jail is Linux's")
def test_the_jail_is_tried_as_grading_does():
    from autograder.judging.sandbox import fork_client

    with fork_client.warm_agents(ROOT / "data"):
        missing = fork_client.missing_isolation()
    wanted = WARNING if missing else OK
    assert only(doctor.look_at_isolation(ROOT), "isolation").state == wanted


def test_little_disk_and_memory(monkeypatch):
    usage = shutil._ntuple_diskusage(100 << 30, 99 << 30, 1 << 30)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: usage)
    assert [(f.name, f.state) for f in doctor.look_at_disk(ROOT)] == [
        ("disk", WARNING),
        ("temporary files", WARNING),
    ]
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 2 << 30)
    (finding,) = doctor.look_at_memory()
    assert finding.state == WARNING and "2.0 GiB" in finding.told and "--workers 1" in finding.mend


@pytest.mark.parametrize(
    ("old", "new", "state", "told"),
    [
        ("", "", OK, "2 notebooks, 2 with a due date"),
        ("example.org", "github.com/your-university", WARNING, "still the placeholder"),
        ("2030-02-28", "2030-01-01", WARNING, "02_other is due before 01_mini"),
        ("2030", "2020", WARNING, "every due date has passed"),
        ("[[notebooks]]", "[[notebooks]", MISSING, "(line 5)"),
        ('term = "Test"\n', "", MISSING, 'term = "..." is missing'),
    ],
)
def test_course_toml(tmp_path, old, new, state, told):
    other = '\n[[notebooks]]\nname = "02_other"\ndue = 2030-02-28T12:00:00Z\n'
    text = COURSE_TOML + other
    assert old in text
    (tmp_path / "course.toml").write_text(text.replace(old, new))
    course, findings = doctor.look_at_course(tmp_path, NEW_YEAR)
    (finding,) = findings
    assert finding.state == state and told in finding.told
    assert (course is None) == (state == MISSING)


def test_notebooks_that_are_stale(mini):
    from autograder.course.config import load_course

    (finding,) = doctor.look_at_notebooks(load_course(mini))
    assert (finding.state, finding.mend) == (WARNING, "course build")
    assert "course_helper.py is missing and 1 more" in finding.told
    (mini / "solutions" / "01_mini.py").write_text("# %%\nx = (\n")
    (finding,) = doctor.look_at_notebooks(load_course(mini))
    assert finding.state == MISSING and "not valid Python" in finding.told


def test_a_look_that_fails_is_a_finding():
    def broken():
        raise ImportError("libc is gone\nand more")

    (finding,) = doctor._safely("memory", broken)
    assert finding.state == MISSING and finding.told.endswith("ImportError: libc is gone")


def told_of(monkeypatch, *findings: Finding) -> tuple[bool, str]:
    monkeypatch.setattr(doctor, "looks", lambda root: iter([("all", lambda: list(findings))]))
    console = Console(record=True, width=60)
    return doctor.run(ROOT, console), console.export_text()


def test_the_mends_stand_on_lines_of_their_own_whole(monkeypatch):
    mend = 'python -m pip install "' + "a-long-name-" * 8 + '[test]==1"'
    good, text = told_of(
        monkeypatch,
        Finding("fine", OK, "all of it"),
        Finding("poor", WARNING, "less", mend),
    )
    assert good and f"\n    {mend}\n" in text
    assert text.endswith("0 missing, 1 to look at.\n")


def test_only_what_is_missing_counts(monkeypatch):
    good, text = told_of(monkeypatch, Finding("nbgrader", MISSING, "not installed", "get it"))
    assert not good and "1 missing" in text


def test_the_command_ends_with_the_verdict(mini, monkeypatch):
    for good in (True, False):
        monkeypatch.setattr(doctor, "run", lambda root, console, good=good: good)
        assert CliRunner().invoke(main, ["doctor"]).exit_code == (0 if good else 1)


def doctor_without(tmp_path: Path, **lacking) -> str:
    """Return what the doctor prints where some modules cannot be imported."""
    shutil.copy(ROOT / "constraints.txt", Path.cwd())
    done = subprocess.run(
        [*COURSE, "doctor"],
        capture_output=True,
        text=True,
        env={**without(tmp_path / "without", **lacking), "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["absent", "broken"])
def test_nothing_of_others_can_be_imported(mini, tmp_path, kind):
    names = modules_of_dependencies()
    text = doctor_without(tmp_path, **{kind: names})
    reason = "No module named '{}'" if kind == "absent" else "lib{}.so: cannot open"
    for name in names:
        if name != "torchvision":  # torch is imported before
            assert reason.format(name) in text, name
    assert "python -m pip install --force-reinstall torch==" in text
    assert 'python -m pip install --force-reinstall --no-deps "click==' in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "module", "found"),
    [
        ("broken", "torch", "PyTorch"),
        *(
            pytest.param(*each, marks=pytest.mark.proof)  # a run of the doctor takes 15 s
            for each in (
                ("broken", "torchvision", "PyTorch"),
                ("absent", "rich", "rich"),
                ("broken", "click", "click"),
                ("absent", "nbformat", "nbformat"),
                ("absent", "packaging", "packaging"),
                ("broken", "distributed", "distributed"),
            )
        ),
    ],
)
def test_one_package_that_cannot_be_imported(mini, tmp_path, kind, module, found):
    text = doctor_without(tmp_path, **{kind: [module]})
    assert re.search(rf"missing\W+{found}\b", text)
    mends = text.rpartition(f"{found}:\n")[2].partition("\n")[0]
    assert "python -m pip install --force-reinstall " in mends and module in mends


@pytest.mark.slow
def test_this_machine_which_runs_the_tests_lacks_nothing():
    done = subprocess.run(
        [*COURSE, "doctor"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 missing" in done.stdout
    assert Path(sys.executable).name in done.stdout
