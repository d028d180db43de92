"""Submissions that together hold a whole corpus, with the checks that they must fail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.course.cells import with_answers
from autograder.course.compose import Built
from autograder.course.corpus import Answer
from tests.support.proof import EVERYTHING

LOOP = "def {name}(*anything):\n    while True:\n        pass\n"
EXIT = "def {name}(*anything):\n    import sys\n\n    sys.exit()\n"
STDERR = "import sys\n\nprint('noise', file=sys.stderr)\n\n"
LATER = "{name} = None  # the name is used for something else after its checks\n"


@dataclass(frozen=True)
class Mixed:
    """A submission made of answers, and the checks that the corpus says it fails.

    The corpus does not say what becomes of ``open`` ones.
    """

    notebook: NotebookNode
    fails: frozenset[str]
    open: frozenset[str] = frozenset()


def hidden_by(answer: Answer, other: Answer) -> bool:
    """Tell whether an answer calls another exercise, the answer to which is wrong."""
    calls = re.search(rf"(?<![.\w]){other.exercise}\b", answer.source)
    return other is not answer and not other.right and calls is not None


def rows_of_answers(exercises: list[str], corpus: list[Answer]) -> list[dict[str, Answer]]:
    """Spread a corpus over rows with one answer to each exercise, each in a row that hides none."""
    left = {e: [answer for answer in corpus if answer.exercise == e] for e in exercises}
    rows = []
    while any(left.values()):
        row: dict[str, Answer] = {}
        for exercise in sorted(exercises, key=lambda e: -len(left[e])):
            spare = [a for a in corpus if a.exercise == exercise and a.right]
            beside = row.values()
            fitting = (
                a
                for a in left[exercise] + spare
                if not any(hidden_by(a, other) or hidden_by(other, a) for other in beside)
            )
            row[exercise] = next(fitting, spare[0])
        for answers in left.values():
            answers[:] = [a for a in answers if a is not row[a.exercise] or is_hidden(a, row)]
        rows.append(row)
    return rows


def is_hidden(answer: Answer, row: dict[str, Answer]) -> bool:
    """Tell whether another answer in the row can hide the score of this one."""
    return any(hidden_by(answer, other) for other in row.values())


def mixed_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return submissions that together hold every answer of the corpus."""
    own = {e: {c.name for c in built.master.checks_of(e).values()} for e in built.master.exercises}
    mixed = {}
    for number, row in enumerate(rows_of_answers(built.master.exercises, corpus)):
        fails = {name for e, answer in row.items() for name in set(answer.fails) & own[e]}
        notebook = with_answers(built.student, {e: answer.source for e, answer in row.items()})
        hidden = {name for e, answer in row.items() if is_hidden(answer, row) for name in own[e]}
        doubtful = {e for e, answer in row.items() if not answer.right or is_hidden(answer, row)}
        hidden |= {
            check.name
            for check in built.master.checks
            if doubtful & set(check.parameters) - {check.exercise}
        }
        mixed[f"mixed{number:02}"] = Mixed(notebook, frozenset(fails), frozenset(hidden))
    everything = frozenset(c.name for c in built.master.checks)
    return mixed | {"untouched": Mixed(built.student, everything)}


def rough_submissions(built: Built, corpus: list[Answer]) -> dict[str, Mixed]:
    """Return what goes wrong around right answers: loops, exits, noise, names used again."""
    sources = {a.exercise: a.source for a in reversed(corpus) if a.right}
    first, second = built.master.exercises[:2]
    of_first = frozenset(check.name for check in built.master.checks_of(first).values())
    looping = with_answers(built.student, sources | {first: LOOP.format(name=first)})
    exiting = with_answers(built.student, sources | {first: EXIT.format(name=first)})
    noisy = with_answers(built.student, {e: STDERR + source for e, source in sources.items()})
    again = with_answers(built.student, sources | {second: sources[second]})
    place = next(i for i, cell in enumerate(again.cells) if cell.id == second)
    again.cells[place].source = LATER.format(name=first) + again.cells[place].source
    slow = {"looping": Mixed(looping, of_first)} if EVERYTHING else {}
    return slow | {
        "exiting": Mixed(exiting, of_first),
        "noisy": Mixed(noisy, frozenset()),
        "again": Mixed(again, frozenset()),
    }
