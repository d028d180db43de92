"""`course grade` gives every hostile submission what it is worth, and nobody else less."""

import pytest

from autograder.judging.sandbox import fork_client
from tests.attacks import FAMILIES
from tests.support.attackers import ATTACKS, CLASSMATES, files_for_students, grade_all, leaks_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.SUPPORTED, reason="there is no fork server here"),
]


def test_there_are_attacks_of_every_family():
    assert {attack.family for attack in ATTACKS.values()} == set(FAMILIES)
    assert len(ATTACKS) >= 40


@pytest.mark.timeout(2400)
def test_every_attack_gets_what_it_is_worth_and_costs_nobody_else(tmp_path):
    """One test, so that no second worker grades the class again."""
    graded = grade_all(tmp_path, ATTACKS)
    assert len(files_for_students(graded.out)) > len(ATTACKS)
    honest = {name: a.honest for name, a in ATTACKS.items()}
    given = {name: graded.points.get(name, 0) for name in ATTACKS}
    problems = {
        "given, not honest": {n: (given[n], honest[n]) for n in ATTACKS if given[n] != honest[n]},
        "without a row": sorted((ATTACKS.keys() | set(CLASSMATES)) - graded.rows.keys()),
        "classmates": {n: graded.points[n] for n in CLASSMATES if graded.points[n] != 56},
        "leaks": leaks_in(graded.out),
    }
    assert {what: found for what, found in problems.items() if found} == {}
