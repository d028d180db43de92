"""The corpus: right and wrong answers to every exercise, in tests/answers/.

A corpus module is named after the topic of its notebook. Its functions and classes
are answers, decorated with what must become of them:

    @right("mse_loss")
    def flattens_both(prediction, target): ...

    @wrong("mse_loss", fails=["averages_over_all_entries"])
    def divides_by_rows(prediction, target): ...

A mistake in one line of a long answer is a change of that answer:

    divides_by_rows = changed(flattens_both, "numel()", "shape[0]", fails=[...])

An answer replaces the solved cell of its exercise in an otherwise perfect notebook.
It loses exactly the checks in ``fails``, of its own exercise and of later ones that
call it. It uses only what its notebook imports and defines before the exercise.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.checks import load_checks, topic_of
from autograder.course.config import Course
from autograder.errors import CourseError


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
    chosen = hint_of or (fails[0] if fails else "")
    return lambda answer: _answer(exercise, answer, right=False, fails=fails, hint_of=chosen)


def changed(
    answer: Answer, old: str, new: str, *, fails: Sequence[str], hint_of: str | None = None
) -> Answer:
    """Return a wrong answer that differs from another answer in one place.

    Args:
        answer: the other one, of the same module.
        old: text that its source contains exactly once.
        new: the text in its place.
        fails, hint_of: as of wrong.

    Raises:
        CourseError: the source does not contain the old text exactly once.
    """
    caller = sys._getframe(1)
    place = Path(caller.f_code.co_filename), caller.f_lineno
    if answer.source.count(old) != 1:
        times = answer.source.count(old)
        raise CourseError(f"{answer.name} contains {old!r} {times} times, not once", *place)
    fails = tuple(fails)
    chosen = hint_of or (fails[0] if fails else "")
    source = answer.source.replace(old, new)
    return Answer(answer.exercise, "", False, fails, chosen, source, caller.f_lineno)


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
    module_name = f"answers_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # inspect looks for the source of a class there
    spec.loader.exec_module(module)
    answers = [
        replace(value, name=variable)
        for variable, value in vars(module).items()
        if isinstance(value, Answer)
    ]
    checks = load_checks(name, course.checks)
    for answer in answers:
        _check_answer(answer, {c.exercise for c in checks}, {c.name for c in checks}, path)
    return answers


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
