"""Prove a notebook's checks against its corpus of right and wrong answers."""

from __future__ import annotations

import functools
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from nbformat import NotebookNode
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.checks import checks_by_id, topic_of
from autograder.checks.shared.verdict import Verdict
from autograder.course.cells import grade_id, is_run, with_answers
from autograder.course.compose import compose
from autograder.course.config import Course
from autograder.course.corpus import Answer, load_answers
from autograder.course.dependencies import names_used, needed_for
from autograder.course.master import Master, without_markers
from autograder.files import hash_of
from autograder.judging.digest import data_digest, engine_digest
from autograder.judging.memory import Memory, installed_versions
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


def cases(
    master: Master, student: NotebookNode, answers: list[Answer], *, everything: bool = False
) -> Iterator[Case]:
    """Yield the master, the untouched notebook, and the master with each answer in turn.

    Of an answer those checks are judged that it names, and those of its own and of later exercises
    that depend on it, in a notebook without the cells that none of these needs.

    Args:
        master: the notebook's master.
        student: the student copy.
        answers: the corpus.
        everything: whether all checks of its own and of later exercises are judged, and all cells
            run: no cell can change the outcome of a check that ran before it.
    """
    perfect = solutions(master)
    every = tuple(master.checks_by_id)
    all_names = frozenset(check.name for check in master.checks)
    solved = with_answers(student, perfect)
    yield Case("", "master", "right", frozenset(), "", solved, every)
    yield Case("", "untouched", "untouched", all_names, "", student, every)
    for answer in answers:
        notebook = with_answers(student, perfect | {answer.exercise: answer.source})
        judged = every[every.index(next(iter(master.checks_of(answer.exercise)))) :]
        if everything:
            earlier = set(every) - set(judged)
            notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in earlier]
        else:
            notebook.cells, judged = _needed(master, notebook, answer, judged)
        kind = "right" if answer.right else "wrong"
        fails = frozenset(answer.fails)
        yield Case(answer.exercise, answer.name, kind, fails, answer.hint_of, notebook, judged)


def _needed(
    master: Master, notebook: NotebookNode, answer: Answer, later: tuple[str, ...]
) -> tuple[list[NotebookNode], tuple[str, ...]]:
    """Return the cells and the ids of the checks that an answer can make a difference to."""
    checks = master.checks_by_id
    run = [cell for cell in notebook.cells if is_run(cell) and grade_id(cell) not in checks]
    sources = [cell.source for cell in run]
    own = next(n for n, cell in enumerate(run) if grade_id(cell) == answer.exercise)
    needed: set[int] = set()
    judged = []
    for key in later:
        behind = needed_for(checks[key].parameters, sources)
        if own in behind or checks[key].name in answer.fails:
            judged.append(key)
            needed |= behind
    # A cell that uses no exercise is no demonstration: it imports, or sets something.
    exercises = set(master.exercises)
    kept = {
        id(cell)
        for number, cell in enumerate(run)
        if number in needed or not exercises & names_used(cell.source)
    }
    cells = [c for c in notebook.cells if id(c) in kept or grade_id(c) in judged]
    last = max(n for n, cell in enumerate(cells) if grade_id(cell) in judged)
    return cells[: last + 1], tuple(judged)


@dataclass(frozen=True)
class Proof:
    """What came of a case.

    Attributes:
        failed: the names of the checks that failed.
        problems: how that differs from what the case demands, a line each.
    """

    failed: frozenset[str]
    problems: tuple[str, ...] = ()


def run_case(name: str, folder: Path, hints: Mapping[str, str], case: Case) -> Proof:
    """Judge a case.

    Args:
        name: of the notebook.
        folder: with the modules of checks.
        hints: by the name of the check.
        case: what to judge.
    """
    checks = checks_by_id(name, folder)
    chosen = {key: checks[key] for key in case.judged}
    by_id = run_submission(case.notebook, chosen).verdicts
    verdicts = {checks[key].name: verdict for key, verdict in by_id.items()}
    return Proof(frozenset(failed_of(verdicts)), tuple(problems(hints, case, verdicts)))


def key_of(master: Master, case: Case, rest: str) -> str:
    """Return a hash of all that the proof of a case depends on.

    Args:
        master: the notebook's master.
        case: of the notebook.
        rest: a hash of what is the same for all cases of the notebook.
    """
    judged = [master.checks_by_id[key] for key in case.judged]
    demanded = [case.kind, case.hint_of, *sorted(case.fails)]
    return hash_of(
        rest,
        json.dumps(case.notebook, sort_keys=True),
        *demanded,
        *(check.source for check in judged),
    )


def shared_key(course: Course, master: Master) -> str:
    """Return a hash of what all proofs of a notebook depend on.

    That is the engine, what its module of checks holds beside checks, the data, and the versions
    of what is installed.
    """
    module = (course.checks / f"{topic_of(master.name)}.py").read_text(encoding="utf-8")
    for check in master.checks:
        module = module.replace(check.source, "")
    engine = engine_digest()
    return hash_of(engine, module, data_digest(course.data), installed_versions())


def failed_of(verdicts: dict[str, Verdict]) -> set[str]:
    """Return the names of the checks that failed."""
    return {name for name, verdict in verdicts.items() if not verdict.passed}


def problems(hints: Mapping[str, str], case: Case, verdicts: dict[str, Verdict]) -> list[str]:
    """Return how the verdicts differ from what the case demands, a line each."""
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


def prove(
    course: Course, name: str, workers: int, console: Console, *, everything: bool = False
) -> bool:
    """Prove one notebook; print and write the kill matrix.

    Args:
        course: the course.
        name: of the notebook.
        workers: how many submissions run at a time.
        console: for the progress and the result.
        everything: whether nothing is remembered, and every answer judged by all later checks.

    Returns:
        whether everything is as the corpus says.

    Raises:
        CourseError: the master or the corpus is malformed.
    """
    built = compose(course, name)
    master = built.master
    todo = list(cases(master, built.student, load_answers(course, name), everything=everything))
    memory = Memory(course.build / "prove" / f"{name}.json")
    rest = shared_key(course, master)
    keys = [key_of(master, case, rest) for case in todo]
    known = {key for key in keys if memory.has(key) and not everything}
    fresh = [case for case, key in zip(todo, keys, strict=True) if key not in known]
    made = iter(_run_all(course, master, fresh, workers, console))
    proofs = [
        Proof(case.fails) if key in known else next(made)
        for case, key in zip(todo, keys, strict=True)
    ]
    if not everything:
        memory.keep(key for key, proof in zip(keys, proofs, strict=True) if not proof.problems)
    complaints = [
        f"{case.title}: {line}"
        for case, proof in zip(todo, proofs, strict=True)
        for line in proof.problems
    ]
    wrongs = [(c, proof.failed) for c, proof in zip(todo, proofs, strict=True) if c.kind == "wrong"]
    complaints += idle_checks(master, [(case.exercise, set(failed)) for case, failed in wrongs])
    complaints += thin_exercises(master, todo)
    page = course.build / "prove" / f"{name}.md"
    page.write_text(matrix_page(master, wrongs), encoding="utf-8")
    _report(console, master, wrongs, complaints)
    right = sum(case.kind == "right" for case in todo)
    killed = sum(1 for _, failed in wrongs if failed)
    console.print(
        f"{master.name}: {killed} of {len(wrongs)} wrong answers killed, {right} right answers "
        f"run (master included), {len(complaints)} problems; {len(known)} of {len(todo)} proofs "
        f"remembered. Kill matrix: {page}"
    )
    return not complaints


def _run_all(
    course: Course, master: Master, todo: list[Case], workers: int, console: Console
) -> list[Proof]:
    """Judge cases side by side, with a bar."""
    if not todo:
        return []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    hints = {check.name: check.hint for check in master.checks}
    judge = functools.partial(run_case, master.name, course.checks, hints)
    # Threads do not survive a fork: the workers start before the bar and without torch's.
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork" if SUPPORTED else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        results = pool.map(judge, todo)
        with bar:
            title = f"proving {master.name}"
            return list(bar.track(results, total=len(todo), description=title))


def matrix_page(master: Master, wrongs: list[tuple[Case, frozenset[str]]]) -> str:
    """Return the kill matrix as Markdown: a table an exercise, a row a wrong answer.

    Args:
        master: the notebook's master.
        wrongs: the cases of wrong answers, each with the names of the checks that it failed.
    """
    hints = {check.name: check.hint for check in master.checks}
    lines = [f"# Kill matrix of {master.name}", "", "✗: the check fails, as it must.", ""]
    for exercise in master.exercises:
        checks = [check.name for check in master.checks_of(exercise).values()]
        lines += [f"## {exercise}", ""]
        lines += ["| wrong answer | " + " | ".join([*checks, "other checks", "hint"]) + " |"]
        lines += ["|---" * (len(checks) + 3) + "|"]
        for case, failed in wrongs:
            if case.exercise == exercise:
                marks = ["✗" if name in failed else "" for name in checks]
                rest = ", ".join(sorted(failed - set(checks)))
                cells = [*marks, rest, hints[case.hint_of]]
                lines.append(f"| {case.name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _report(
    console: Console,
    master: Master,
    wrongs: list[tuple[Case, frozenset[str]]],
    complaints: list[str],
) -> None:
    for case, failed in wrongs:
        killers = ", ".join(sorted(failed)) or "NOTHING"
        console.print(f"  [bold]{case.title}[/bold]  killed by {killers}", soft_wrap=True)
    for line in complaints:
        console.print(f"{master.name}: {line}", style="red", markup=False, soft_wrap=True)
