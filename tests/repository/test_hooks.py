"""The hooks before a commit: each is a program of the test environment, and nothing is fetched."""

import re
import sys
import tomllib
from pathlib import Path

import yaml

from tests.support.course import ROOT

PACKAGES = {"ruff": "ruff", "lint-imports": "import-linter", "mypy": "mypy"}


def test_the_hooks_run_what_the_test_environment_has():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = {re.split(r"[<>=\[]", each)[0] for each in project["optional-dependencies"]["test"]}
    hooks = config["repos"][0]["hooks"]
    assert {hook["entry"].split()[0] for hook in hooks} == set(PACKAGES)
    for hook in hooks:
        program = hook["entry"].split()[0]
        assert hook["language"] == "system" and hook["pass_filenames"] is False
        assert PACKAGES[program] in tested
        assert list(Path(sys.executable).parent.glob(f"{program}*")), program
