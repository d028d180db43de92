"""Prove a notebook's checks against its corpus of right and wrong answers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from nbformat import NotebookNode
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.checks import checks_by_id
from autograder.checks.verdict import Verdict
from autograder.course.cells import grade_id, with_answers
from autograder.course.compose import compose
from autograder.course.config import Course
from autograder.course.corpus import Answer, load_answers
from autograder.course.master import Master, without_markers
from autograder.judging.sandbox.fork_client import SUPPORTED
from autograder.judging.submission import run_submission


@dataclass(frozen=True)
class Case:
    """A submission and what must come of it.

    Attributes:
        exercise: whose answer it replaces; "" for the master and the untouched notebook.
        name: of the answer.
        kind: "right", "wrong" or "untouched".
        fails: the names of the checks that must fail.
        hint_of: of a wrong answer the check whose hint is about it, else "".
        notebook: the submission, without the cells of checks that are not judged.
        judged: the ids of the checks to judge.
    """

    exercise: str
    name: str
    kind: str
    fails: frozenset[str]
    hint_of: str
    notebook: NotebookNode
    judged: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.exercise}: {self.name}" if self.exercise else self.name


def solutions(master: Master) -> dict[str, str]:
    """Return the master's solution of every exercise, as a student would have typed it."""
    return {cell.exercise: without_markers(cell.source) for cell in master.cells if cell.exercise}


def cases(master: Master, student: NotebookNode, answers: list[Answer]) -> Iterator[Case]:
    """Yield the master, the untouched notebook, and the master with each answer in turn.

    Of an answer only the checks of its own and of later exercises are judged: no cell
    can change the outcome of one that ran before it.
    """
    perfect = solutions(master)
    every = tuple(master.checks_by_id)
    everything = frozenset(check.name for check in master.checks)
    solved = with_answers(student, perfect)
    yield Case("", "master", "right", frozenset(), "", solved, every)
    yield Case("", "untouched", "untouched", everything, "", student, every)
    for answer in answers:
        notebook = with_answers(student, perfect | {answer.exercise: answer.source})
        judged = every[every.index(next(iter(master.checks_of(answer.exercise)))) :]
        earlier = set(every) - set(judged)
        notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in earlier]
        kind = "right" if answer.right else "wrong"
        fails = frozenset(answer.fails)
        yield Case(answer.exercise, answer.name, kind, fails, answer.hint_of, notebook, judged)


def run_case(name: str, case: Case) -> dict[str, Verdict]:
    """Judge a case; return the verdicts by the name of the check."""
    checks = checks_by_id(name)
    chosen = {key: checks[key] for key in case.judged}
    verdicts = run_submission(case.notebook, chosen).verdicts
    return {checks[key].name: verdict for key, verdict in verdicts.items()}


def failed_of(verdicts: dict[str, Verdict]) -> set[str]:
    """Return the names of the checks that failed."""
    return {name for name, verdict in verdicts.items() if not verdict.passed}


def problems(master: Master, case: Case, verdicts: dict[str, Verdict]) -> list[str]:
    """Return how the verdicts differ from what the case demands, a line each."""
    hints = {check.name: check.hint for check in master.checks}
    failed = failed_of(verdicts)
    lines = [f"{name} passes and should fail" for name in sorted(case.fails - failed)]
    for name, verdict in verdicts.items():
        if name in failed - case.fails:
            lines.append(f"{name} fails and should pass:\n{verdict.detail}")
        if case.kind == "wrong" and name in failed and hints[name] not in verdict.message:
            lines.append(f"{name} fails without its hint: {verdict.message}")
        if case.kind == "untouched" and verdict.kind != "stub":
            lines.append(f"{name} fails, but not because of the stub:\n{verdict.detail}")
    return lines


def idle_checks(master: Master, killed_by: list[tuple[str, set[str]]]) -> list[str]:
    """Return a line for every hidden check that kills nothing its exercise's others do not.

    Args:
        master: the notebook.
        killed_by: of every wrong answer the exercise, and the checks that it failed.
    """
    hidden = {check.name: check.exercise for check in master.checks if check.hidden}
    needed = set()
    for exercise, failed in killed_by:
        killers = [name for name in failed if hidden.get(name) == exercise]
        if len(killers) == 1:
            needed.add(killers[0])
    idle = [name for name in hidden if name not in needed]
    return [f"{name} kills nothing that the exercise's other hidden checks do not" for name in idle]


def thin_exercises(master: Master, todo: list[Case]) -> list[str]:
    """Return a line for every exercise with fewer than two right or one wrong answer."""
    lines = []
    for exercise in master.exercises:
        for kind, least in (("right", 2), ("wrong", 1)):
            count = sum(case.exercise == exercise and case.kind == kind for case in todo)
            if count < least:
                lines.append(f"{exercise} has {count} {kind} answers, not {least} or more")
    return lines


def prove(course: Course, name: str, workers: int, console: Console) -> bool:
    """Prove one notebook; print and write the kill matrix.

    Args:
        course: the course.
        name: of the notebook.
        workers: how many submissions run at a time.
        console: for the progress and the result.

    Returns:
        whether everything is as the corpus says.

    Raises:
        CourseError: the master or the corpus is malformed.
    """
    built = compose(course, name)
    todo = list(cases(built.master, built.student, load_answers(name)))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    # Threads do not survive a fork: the workers start before the bar and without torch's.
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork" if SUPPORTED else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        results = pool.map(run_case, [name] * len(todo), todo)
        with bar:
            outcomes = list(bar.track(results, total=len(todo), description=f"proving {name}"))
    wrongs: dict[str, set[str]] = {}
    complaints = []
    for case, verdicts in zip(todo, outcomes, strict=True):
        complaints += [f"{case.title}: {line}" for line in problems(built.master, case, verdicts)]
        if case.kind == "wrong":
            wrongs[case.title] = failed_of(verdicts)
    killed_by = [
        (case.exercise, failed_of(verdicts))
        for case, verdicts in zip(todo, outcomes, strict=True)
        if case.kind == "wrong"
    ]
    complaints += idle_checks(built.master, killed_by)
    complaints += thin_exercises(built.master, todo)
    page = course.build / "prove" / f"{name}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(matrix_page(built.master, todo, outcomes), encoding="utf-8")
    _report(console, built.master, todo, wrongs, complaints, page)
    return not complaints


def matrix_page(master: Master, todo: list[Case], outcomes: list[dict[str, Verdict]]) -> str:
    """Return the kill matrix as Markdown: a table an exercise, a row a wrong answer."""
    hints = {check.name: check.hint for check in master.checks}
    lines = [f"# Kill matrix of {master.name}", "", "✗: the check fails, as it must.", ""]
    for exercise in master.exercises:
        checks = [check.name for check in master.checks_of(exercise).values()]
        lines += [f"## {exercise}", ""]
        lines += ["| wrong answer | " + " | ".join([*checks, "other checks", "hint"]) + " |"]
        lines += ["|---" * (len(checks) + 3) + "|"]
        for case, verdicts in zip(todo, outcomes, strict=True):
            if case.kind != "wrong" or case.exercise != exercise:
                continue
            failed = failed_of(verdicts)
            marks = ["✗" if name in failed else "" for name in checks]
            rest = ", ".join(sorted(failed - set(checks)))
            hint = hints[case.hint_of]
            lines.append(f"| {case.name} | " + " | ".join([*marks, rest, hint]) + " |")
        lines.append("")
    return "\n".join(lines)


def _report(
    console: Console,
    master: Master,
    todo: list[Case],
    wrongs: dict[str, set[str]],
    complaints: list[str],
    page: Path,
) -> None:
    for case in todo:
        if case.kind == "wrong":
            killers = ", ".join(sorted(wrongs[case.title])) or "NOTHING"
            console.print(f"  [bold]{case.title}[/bold]  killed by {killers}", soft_wrap=True)
    for line in complaints:
        console.print(f"{master.name}: {line}", style="red", markup=False, soft_wrap=True)
    killed = sum(1 for failed in wrongs.values() if failed)
    right = sum(case.kind == "right" for case in todo)
    console.print(
        f"{master.name}: {killed} of {len(wrongs)} wrong answers killed, {right} right answers "
        f"run (master included), {len(complaints)} problems. Kill matrix: {page}"
    )
