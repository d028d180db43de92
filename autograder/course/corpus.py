"""The corpus: right and wrong answers to every exercise, in tests/answers/.

A corpus module is named after the topic of its notebook. Its functions and classes
are answers, decorated with what must become of them:

    @right("mse_loss")
    def flattens_both(prediction, target): ...

    @wrong("mse_loss", fails=["averages_over_all_entries"])
    def divides_by_rows(prediction, target): ...

Mistakes in a line or two of a right answer stand in a table below it, as
``flattens_both.slips(...)``: see autograder.course.slips.

An answer replaces the solved cell of its exercise in an otherwise perfect notebook.
It loses exactly the checks in ``fails``, of its own exercise and of later ones that
call it. It uses only what its notebook imports and defines before the exercise.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.checks import load_checks, topic_of
from autograder.course.config import Course
from autograder.course.slips import read_slips, slipped
from autograder.errors import CourseError
from autograder.files import module_at


@dataclass(frozen=True)
class Answer:
    """A right or wrong answer to one exercise.

    Attributes:
        exercise: the id of the exercise.
        name: the name of the answer, unique in its notebook.
        right: whether it passes every check.
        fails: the names of the checks that it fails, and no others.
        hint_of: the check in ``fails`` whose hint is about this mistake; "" if right.
        source: the text of the cell.
        line: where it stands in its module.
    """

    exercise: str
    name: str
    right: bool
    fails: tuple[str, ...]
    hint_of: str
    source: str
    line: int

    def slips(self, table: str) -> None:
        """Add wrong answers that differ from this one in a line or two to its module.

        Args:
            table: see autograder.course.slips; it begins in the line of the call.

        Raises:
            CourseError: the table is malformed, names no text of this answer, or names an
                answer that is there already.
        """
        caller = sys._getframe(1)
        path, module = Path(caller.f_code.co_filename), caller.f_globals
        for slip in read_slips(table, module, path, caller.f_lineno):
            if slip.name in module:
                raise CourseError(f"there are two answers {slip.name}", path, slip.line)
            fails = tuple(slip.fails)
            source = slipped(self.source, slip, self.name, path)
            module[slip.name] = replace(
                self,
                name=slip.name,
                right=False,
                fails=fails,
                hint_of=_hint_of(fails, slip.hint_of),
                source=source,
                line=slip.line,
            )


def right(exercise: str) -> Callable[[object], Answer]:
    """Register the decorated function or class as a right answer."""
    return lambda answer: _answer(exercise, answer, right=True, fails=(), hint_of="")


def wrong(
    exercise: str, *, fails: Sequence[str], hint_of: str | None = None
) -> Callable[[object], Answer]:
    """Register the decorated function or class as a wrong answer.

    Args:
        exercise: the id of the exercise.
        fails: the names of all checks that it must fail.
        hint_of: the one of them whose hint describes the mistake, by default the first.
    """
    fails = tuple(fails)
    chosen = _hint_of(fails, hint_of)
    return lambda answer: _answer(exercise, answer, right=False, fails=fails, hint_of=chosen)


def corpus_of(course: Course, name: str) -> Path:
    """Return the path of a notebook's corpus, which need not be there."""
    return course.answers / f"{topic_of(name)}.py"


def load_answers(course: Course, name: str) -> list[Answer]:
    """Return the answers of a notebook, such as 01_pytorch_basics, in the order of the file.

    Raises:
        CourseError: there is no corpus, or an answer names what does not exist.
    """
    path = corpus_of(course, name)
    if not path.is_file():
        raise CourseError("there is no corpus of answers for this notebook", path)
    try:
        module = module_at(f"answers_{path.stem}", path)
    except SyntaxError as error:
        raise CourseError(f"not valid Python: {error.msg}", path, error.lineno) from None
    answers = [
        replace(value, name=variable)
        for variable, value in vars(module).items()
        if isinstance(value, Answer)
    ]
    checks = load_checks(name, course.checks)
    for answer in answers:
        _check_answer(answer, {c.exercise for c in checks}, {c.name for c in checks}, path)
    return answers


def _hint_of(fails: tuple[str, ...], chosen: str | None) -> str:
    return chosen or (fails[0] if fails else "")


def _answer(exercise: str, answer, *, right: bool, fails: tuple[str, ...], hint_of: str) -> Answer:
    text = textwrap.dedent(inspect.getsource(answer))
    definition = ast.parse(text).body[0]
    without_decorators = "\n".join(text.splitlines()[definition.lineno - 1 :])
    source = re.sub(rf"\b{answer.__name__}\b", exercise, without_decorators)
    line = inspect.getsourcelines(answer)[1]
    return Answer(exercise, answer.__name__, right, fails, hint_of, source, line)


def _check_answer(answer: Answer, exercises: set[str], checks: set[str], path: Path) -> None:
    if answer.exercise not in exercises:
        raise CourseError(f"{answer.name}: no exercise {answer.exercise!r}", path, answer.line)
    unknown = set(answer.fails) - checks
    if unknown:
        raise CourseError(f"{answer.name}: no check {sorted(unknown)[0]!r}", path, answer.line)
    if not answer.right and answer.hint_of not in answer.fails:
        raise CourseError(f"{answer.name}: it fails no check to hint at it", path, answer.line)
