"""A class is graded with the points of the corpus, on workers that die and runs that are killed."""

import csv
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.commands.grade import Settings, grade
from autograder.course.compose import dumps
from autograder.judging import pool
from autograder.judging.digest import rules_digest
from autograder.judging.sandbox import fork_client
from autograder.processes import find_own_tools
from tests.support.course import COURSE, ROOT, answers_of
from tests.support.proof import EVERYTHING, telling_answers
from tests.support.remembered import notebook_key
from tests.support.submissions import mixed_submissions, rough_submissions

pytestmark = pytest.mark.slow
NAME = "01_pytorch_basics"


@pytest.fixture(autouse=True)
def _own_tools():
    find_own_tools()


def hand_in(folder: Path, student: str, name: str, notebook) -> None:
    path = folder / student / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(notebook), encoding="utf-8")


@pytest.mark.timeout(1800)
def test_every_answer_of_the_corpus_gets_the_points_that_the_corpus_says(
    course, built, tmp_path, once
):
    """All nine notebooks; test_graders_agree.py says the same of nbgrader and otter.

    `make test` chooses the same answers as there, `make proof` takes all.
    """
    once(*map(notebook_key, course.names))
    demanded = {}
    for name in course.names:
        corpus = telling_answers(built[name].master, answers_of(name))
        mixed = mixed_submissions(built[name], corpus)
        if name == NAME:
            mixed |= rough_submissions(built[name], corpus)
        for student, submission in mixed.items():
            hand_in(tmp_path / "class", student, name, submission.notebook)
            for check in built[name].master.checks:
                if check.name not in submission.open:
                    points = 0.0 if check.name in submission.fails else check.points
                    demanded[student, name, check.name] = points
    settings = Settings(workers=2, feedback=False)
    rows = grade(
        course, course.names, tmp_path / "class", tmp_path / "out", Console(quiet=True), settings
    )
    given = {(row.student, row.notebook, row.check): row.points for row in rows}
    wrong = {key: given.get(key) for key, points in demanded.items() if given.get(key) != points}
    assert not wrong
    assert len(demanded) > (10_000 if EVERYTHING else 3_000)


@pytest.fixture(scope="module")
def small_class(course, built, tmp_path_factory) -> Path:
    """Twelve submissions of one notebook."""
    folder = tmp_path_factory.mktemp("small") / "class"
    mixed = list(mixed_submissions(built[NAME], answers_of(NAME)).values())
    for number in range(12):
        hand_in(folder, f"student{number:02}", NAME, mixed[number % len(mixed)].notebook)
    return folder


def command(folder: Path, out: Path, *options: str) -> list[str]:
    return [*COURSE, "grade", str(folder), "--out", str(out), "--notebook", "01", *options]


def start_alone(folder: Path, out: Path) -> subprocess.Popen:
    """Start `course grade` with one worker in a session of its own, to be ended from here."""
    return subprocess.Popen(
        command(folder, out, "--workers", "1", "--no-feedback"),
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl-C; so would our child.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def table(out: Path) -> list[dict]:
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def expected(course, small_class, tmp_path_factory) -> list[dict]:
    """The table of an undisturbed run."""
    out = tmp_path_factory.mktemp("expected")
    find_own_tools()
    settings = Settings(workers=2, feedback=False)
    grade(course, [NAME], small_class, out, Console(quiet=True), settings)
    return table(out)


def test_where_there_is_no_fork_the_points_are_the_same(
    course, small_class, expected, tmp_path, monkeypatch
):
    for student in ("student03", "student07"):
        shutil.copytree(small_class / student, tmp_path / "class" / student)
    monkeypatch.setattr(fork_client, "SUPPORTED", False)  # as on Windows
    console = Console(record=True, width=120)
    settings = Settings(workers=1, feedback=False)
    grade(course, [NAME], tmp_path / "class", tmp_path / "out", console, settings)
    assert "not isolated from everything" in console.export_text()
    assert table(tmp_path / "out") == [
        row for row in expected if row["student"] in ("student03", "student07")
    ]


def wait_until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def done(out: Path) -> set[Path]:
    return set((out / "results").rglob("*.json"))


def test_a_run_that_is_killed_goes_on_where_it_was(small_class, expected, tmp_path):
    out = tmp_path / "out"
    run = start_alone(small_class, out)
    try:
        wait_until(lambda: len(done(out)) >= 3, 240)
    finally:
        run.kill()
        run.communicate()
    before = {path: path.stat().st_mtime_ns for path in done(out)}
    assert 3 <= len(before) < 12
    again = subprocess.run(
        command(small_class, out, "--workers", "2", "--no-feedback"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert table(out) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        assert len(gradebook.assignment_submissions(NAME)) == 12
    wait_until(lambda: not processes_of(run.pid), 60)


def processes_of(session: int) -> list[str]:
    """Return the processes of a session, which outlive the one that was killed."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(path.parent.name)
    return found


def test_ctrl_c_stops_in_order_and_the_next_run_goes_on(course, small_class, expected, tmp_path):
    out = tmp_path / "out"
    run = start_alone(small_class, out)
    wait_until(lambda: done(out), 240)
    os.killpg(run.pid, signal.SIGINT)
    output, errors = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "run the same command to go on" in errors
    assert "Traceback" not in errors + output
    settings = Settings(workers=2, feedback=False)
    grade(course, [NAME], small_class, out, Console(quiet=True), settings)
    assert table(out) == expected


@pytest.fixture
def scheduler(tmp_path):
    """A Dask scheduler and two workers, each a process; the address and the workers."""
    address = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    tool = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    processes = [
        subprocess.Popen([*tool, *options, "--scheduler-file", str(address)], cwd=tmp_path, **quiet)
    ]
    tool = [sys.executable, "-m", "distributed.cli.dask_worker"]
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    workers = [
        subprocess.Popen(
            [*tool, *options, "--scheduler-file", str(address), "--name", f"worker{number}"],
            cwd=tmp_path,
            **quiet,
        )
        for number in range(2)
    ]
    processes += workers
    try:
        with Client(scheduler_file=str(address), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            yield client.scheduler.address, workers
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_worker_that_dies_loses_nothing_and_counts_nothing_twice(
    small_class, expected, scheduler, tmp_path
):
    address, workers = scheduler
    out = tmp_path / "out"
    run = subprocess.Popen(
        command(small_class, out, "--scheduler", address, "--no-feedback"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: len(done(out)) >= 2, 180)
    workers[0].kill()
    assert len(done(out)) < 12
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output
    assert table(out) == expected
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        assert len(gradebook.assignment_submissions(NAME)) == 12


def test_a_scheduler_that_is_not_there_is_an_error(small_class, tmp_path):
    run = subprocess.run(
        command(small_class, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_digest_of_checks_follows_their_file(mini):
    folder = mini / "autograder" / "checks"
    before = rules_digest(folder, "01_mini")
    file = folder / "mini.py"
    file.write_text(file.read_text() + "\n\n# an afterthought\n")
    assert rules_digest(folder, "01_mini") != before


def test_notebooks_that_are_judged_do_not_stay_in_memory(course):
    """A class of thousands must not need more memory than one of ten; Dask logs its messages."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "x" * 300_000}]
    folder = course.checks
    rules, text = rules_digest(folder, NAME), json.dumps({"cells": cells})
    tasks = (pool.Task(f"student{n}", NAME, "digest", rules, folder, text) for n in range(100))
    held = []
    with fork_client.warm_graders(course.data), pool.workers_here(2) as client:
        for _, result in pool.judge_all(client, tasks):
            assert not result.problem
            held.append(psutil.Process().memory_info().rss)
    # Since then 24 MB of text went to and fro.
    assert held[-1] - held[19] < 15e6
