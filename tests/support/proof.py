"""How much is proved: by `make test` what covers every kind, by `make proof` everything.

`make proof` sets the environment variable. A test that has only more of the same to say carries
the marker ``proof``; one that chooses asks here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

import pytest

from autograder.course.corpus import Answer
from autograder.course.master import Master

EVERYTHING = os.environ.get("COURSE_PROOF") == "everything"
ALL_MUTANTS = 2_000
MUTANTS = ALL_MUTANTS if EVERYTHING else 400


def all_but(kept: Collection[str], values: Iterable[str]) -> list:
    """Return parameters for a test, of which only the kept ones are tried outside of `make proof`.

    For what differs little from one notebook to the next, and takes long.
    """
    more = pytest.mark.proof
    return [value if value in kept else pytest.param(value, marks=more) for value in values]


def telling_answers(master: Master, corpus: Sequence[Answer]) -> list[Answer]:
    """Return answers of a corpus with which every check fails and passes; of `make proof` all.

    What graders could differ in is what they make of a check that passes, fails or raises. That
    does not depend on why the answer is wrong, which `course prove` looks at.
    """
    if EVERYTHING:
        return list(corpus)
    chosen: list[Answer] = []
    for exercise in master.exercises:
        mine = [answer for answer in corpus if answer.exercise == exercise]
        chosen.append(next(answer for answer in mine if answer.right))
        left = {check.name for check in master.checks_of(exercise).values()}
        while best := max(mine, key=lambda answer: len(left & set(answer.fails))):
            if not left & set(best.fails):  # nothing of the corpus fails what is left
                break
            chosen.append(best)
            left -= set(best.fails)
    return chosen
