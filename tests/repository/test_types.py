"""What mypy says is not silenced without a reason."""

import re

from tests.support.course import ROOT

SILENCED = re.compile(r"# type: ignore\b(.*)")
WITH_REASON = re.compile(r"\[[a-z-]+(, [a-z-]+)*\](  # \w.*)?")


def test_every_silenced_error_of_types_names_its_code_and_says_why():
    """On its own line, or on the one above."""
    found = 0
    for room in ("autograder", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            for number, line in enumerate(lines):
                if silenced := SILENCED.search(line):
                    found += 1
                    told = WITH_REASON.fullmatch(silenced[1])
                    assert told, f"{path}:{number + 1}"
                    above = lines[number - 1].strip()
                    assert told[2] or above.startswith("#"), f"{path}:{number + 1}"
    assert found


def test_whoever_installs_the_package_gets_its_types():
    assert (ROOT / "autograder" / "py.typed").is_file()
