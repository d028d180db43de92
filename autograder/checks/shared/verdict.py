"""What came of a check: the one form from the judge to the exports, and what it earns."""

from __future__ import annotations

from dataclasses import dataclass

PASSED = "passed"
ROUNDING = 1e-6  # points; scores given by hand are sums of numbers like 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one check.

    Attributes:
        kind: "passed", or why not (course_helper.Failure.kind).
        message: what the student may read; of a hidden check its hint and no more.
        detail: what the instructor may read.
    """

    kind: str = PASSED
    message: str = ""
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check earns its points."""
        return self.kind == PASSED

    def earned(self, maximum: float) -> float:
        """Return how many of the points of the check it earns: all or none."""
        return maximum if self.passed else 0.0


def is_full(points: float, maximum: float) -> bool:
    """Tell whether nothing is missing from what a check, or several, can earn.

    A person may have given the points: some of them, or more than there are to earn.
    """
    return points >= maximum - ROUNDING
