"""`course grade` gives every hostile submission what it is worth, and nobody else less.

`make test` grades one or two at every place where a submission meets the engine, `make proof` all.
"""

import pytest

from autograder.files import files_below
from autograder.judging.sandbox import fork_client
from tests.attacks import FAMILIES
from tests.support.attackers import (
    ATTACKS,
    BOUNDARY,
    CLASSMATES,
    files_for_students,
    grade_all,
    leaks_in,
)
from tests.support.course import ROOT
from tests.support.proof import EVERYTHING

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.SUPPORTED, reason="there is no fork server here"),
]


def test_there_are_attacks_of_every_family():
    assert {attack.family for attack in ATTACKS.values()} == set(FAMILIES)
    assert len(ATTACKS) >= 40


def test_the_boundary_cases_are_attacks():
    assert set(BOUNDARY) <= {attack.name for attack in ATTACKS.values()}


@pytest.mark.timeout(2400)
def test_every_attack_gets_what_it_is_worth_and_costs_nobody_else(tmp_path, once):
    """One test, so that no second worker grades the class again."""
    once(*(path.read_bytes() for path in files_below(ROOT / "tests" / "attacks")))
    attacks = {n: a for n, a in ATTACKS.items() if EVERYTHING or a.name in BOUNDARY}
    graded = grade_all(tmp_path, attacks)
    assert len(files_for_students(graded.out)) > len(attacks)
    honest = {name: a.honest for name, a in attacks.items()}
    given = {name: graded.points.get(name, 0) for name in attacks}
    problems = {
        "given, not honest": {n: (given[n], honest[n]) for n in attacks if given[n] != honest[n]},
        "without a row": sorted((attacks.keys() | set(CLASSMATES)) - graded.rows.keys()),
        "classmates": {n: graded.points[n] for n in CLASSMATES if graded.points[n] != 56},
        "leaks": leaks_in(graded.out),
    }
    assert {what: found for what, found in problems.items() if found} == {}
