"""Judge checks: a verdict a check, the same from every grader."""

from __future__ import annotations

from collections.abc import Mapping

from autograder.checks import Check
from autograder.checks.shared.verdict import Verdict
from autograder.inside.student.course_helper import CHECK_SECONDS, Failure, run_check


def judge(
    check: Check,
    names: Mapping[str, object],
    seconds: float = CHECK_SECONDS,
    *,
    guarded: bool = False,
) -> Verdict:
    """Run a check on the objects that the names stand for.

    Args:
        check: the check.
        names: from the student's names to objects or proxies.
        seconds: the wall-clock limit.
        guarded: whether the student's code has seen inputs of hidden checks. Then nothing that
            comes from it is told, not even of a public check: it could tell what it has seen.
    """
    failure = run_check(check.function, names, seconds)
    if failure is None:
        return Verdict()
    return failed(check, failure, guarded=guarded)


def failed(check: Check, failure: Failure, *, guarded: bool) -> Verdict:
    """Return the verdict of a failed check; see ``judge``."""
    if check.hidden:
        message = hidden_message(check, failure)
    elif guarded:
        message = guarded_message(check, failure)
    else:
        message = public_message(check, failure)
    return Verdict(failure.kind, message, failure.text)


def public_message(check: Check, failure: Failure) -> str:
    """Return what the student may read of a failed public check."""
    if failure.kind in ("missing", "stub"):
        return failure.text
    return f"{failure.text}\nHint: {check.hint}"


def guarded_message(check: Check, failure: Failure) -> str:
    """Return what the student may read of a failed public check when hidden ones ran, too."""
    if failure.kind in ("missing", "stub"):
        return hidden_message(check, failure)
    what = (check.function.__doc__ or "").partition("\n")[0]
    where = "Run this check in your notebook: it says what was called and what came back."
    return f"{what}\n{where}\n{hidden_message(check, failure)}".strip()


def hidden_message(check: Check, failure: Failure) -> str:
    """Return what the student may read of a failed hidden check.

    Nothing in it depends on the check's inputs: not the text of an exception, and
    only the name of a built-in class of it.
    """
    facts = {
        "missing": f"{check.exercise} is not defined.",
        "stub": f"{check.exercise} is not written yet.",
        "timeout": f"{check.exercise} did not finish in time. Is there an endless loop?",
        "error": f"{check.exercise} raised {failure.error}.",
    }
    if failure.kind in ("missing", "stub"):
        return facts[failure.kind]
    return f"{facts.get(failure.kind, '')} Hint: {check.hint}".strip()
