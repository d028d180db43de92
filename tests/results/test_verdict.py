"""Whether a check passed and what it earns is decided once, for verdicts and for points by hand."""

import pytest

from autograder.checks.shared.verdict import Verdict, is_full
from autograder.results.report_numbers import Mark
from autograder.results.result import Row


def test_a_verdict_earns_all_points_or_none():
    assert Verdict().passed and Verdict().earned(2.5) == 2.5
    for kind in ("mismatch", "error", "timeout", "stub", "missing"):
        assert not Verdict(kind).passed and Verdict(kind).earned(2.5) == 0


@pytest.mark.parametrize(
    ("points", "maximum", "full"),
    [
        (1, 1, True),
        (0, 1, False),
        (0.5, 1, False),
        (0.99, 1, False),
        (1.5, 1, True),  # extra credit
        (-1, 1, False),
        (0.7 + 0.1, 0.8, True),  # a little less than 0.8
        (0, 0, True),
    ],
)
def test_points_by_hand_are_full_or_not_for_everybody(points, maximum, full):
    assert is_full(points, maximum) == full
    row = Row("ada", "01_shapes", "area", "is_a_square", points, maximum, "", "")
    assert row.is_full == full
    assert Mark(row, 1, Verdict()).failed == (not full)


@pytest.mark.parametrize(
    ("points", "verdict", "by_hand"),
    [
        (2, Verdict(), False),
        (0, Verdict("mismatch"), False),
        (2, Verdict("mismatch"), True),
        (1, Verdict(), True),
        (2.5, Verdict(), True),
    ],
)
def test_points_that_the_verdict_does_not_give_are_by_hand(points, verdict, by_hand):
    row = Row("ada", "01_shapes", "area", "is_a_square", points, 2, "", "")
    assert Mark(row, 1, verdict).by_hand == by_hand
