"""The benchmarks run; what they measure is not a matter for tests, but what they wrote is whole."""

import re
import subprocess
import sys

import pytest

from benchmarks.attacks import Given, given_before, page
from tests.support.attackers import ATTACKS
from tests.support.course import ROOT

STOCK_GAVE = ROOT / "benchmarks" / "attacks.jsonl"


@pytest.mark.slow
def test_time_and_memory_of_a_notebook(mini):
    command = [sys.executable, str(ROOT / "benchmarks" / "notebooks.py"), "01"]
    done = subprocess.run(command, cwd=mini, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "01_mini" in line)
    seconds, memory, graded = map(float, re.findall(r"([\d.]+) of [\d.]+", row))
    assert seconds > 0.2 and 0.02 < memory < 2 and 0 <= graded < 1


def test_the_score_card_is_of_the_attacks_as_they_are():
    """That `course grade` gives what is honest is for test_attacks.py to show."""
    stock = given_before(STOCK_GAVE, ATTACKS)
    missing = {name for each in stock.values() for name in ATTACKS.keys() - each.keys()}
    assert not missing, "benchmarks/README.md says how to measure them"
    ours = {name: Given(a.honest, intact=True, leaks=False) for name, a in ATTACKS.items()}
    card = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    assert card == page(ATTACKS, {"course grade": ours} | stock)


def test_the_score_card_names_dishonest_points_and_harm():
    name, attack = next(iter(ATTACKS.items()))
    given = {
        "course grade": {name: Given(attack.honest, intact=True, leaks=False)},
        "nbgrader": {name: Given(attack.honest + 1, intact=False, leaks=True)},
        "otter": {name: Given(None, intact=True, leaks=False)},
    }
    lines = page({name: attack}, given).splitlines()
    assert "| nbgrader | 0 of 1 | 1 | 1 |" in lines
    assert f"| {attack.honest:g} | **{attack.honest + 1:g}**, batch harmed, leak | " in lines[-1]
    assert lines[-1].endswith(" none |" if attack.honest == 0 else " **none** |")


def test_what_the_stock_graders_gave_is_kept(tmp_path):
    kept = tmp_path / "kept.jsonl"
    lines = ['["nbgrader", "a", 2.0, true, false]', '["otter", "a", null, false, true]']
    kept.write_text("\n".join([*lines, '["otter", "gone", 1.0, true, false]']) + "\n")
    assert given_before(kept, {"a", "b"}) == {
        "nbgrader": {"a": Given(2.0, intact=True, leaks=False)},
        "otter": {"a": Given(None, intact=False, leaks=True)},
    }
