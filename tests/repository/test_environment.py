"""The dependencies are declared once, and nothing committed names a host or this machine."""

import re
import subprocess
import tomllib

import pytest
import yaml

from tests.support.course import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_yml_equals_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip["pip"] == PROJECT["dependencies"]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.partition(" ;")[0] for line in lines if line and not line.startswith("#")]
    return dict(pin.split("==") for pin in pins)


def test_every_dependency_is_pinned():
    extras = PROJECT["optional-dependencies"]
    named = [*PROJECT["dependencies"], *extras["site"], *extras["test"], "uv", "hatchling"]
    named.remove(f"{PROJECT['name']}[site]")  # the tests need what the site needs
    missing = {re.split(r"[<>=\[]", name)[0] for name in named} - set(pinned())
    assert not missing


def committed_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


@pytest.mark.parametrize(
    "pattern",
    # Written so that this file does not match itself.
    [r"pythonhosted[.]org", r"pypi[.]org", r"registry[.]npmjs", r"/work[/]", r"/root[/](?!mini)"],
)
def test_no_committed_file_names_a_registry_or_this_machine(pattern):
    named = []
    for name in committed_files():
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if re.search(pattern.encode(), data):
            named.append(name)
    assert not named
