"""Judge many submissions side by side, on the cores of this machine or on a Dask cluster.

A worker is a trusted process that holds the checks. The submission runs in another one, forked
from a server on the worker's machine (autograder.judging.sandbox), in a jail where there is one.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
import os
import platform
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dask
import distributed.utils
import nbformat
from dask.typing import Key
from distributed import (
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    Worker,
    WorkerPlugin,
    as_completed,
)

from autograder.checks import Check, checks_by_id, folder_here
from autograder.course.config import PACKAGE
from autograder.errors import CourseError
from autograder.judging.digest import rules_digest
from autograder.judging.sandbox import fork_client
from autograder.judging.submission import run_submission
from autograder.results.result import Result

PASSED_ON = (fork_client.ADDRESS, "OMP_NUM_THREADS")
CONNECT_SECONDS = 30
# Both ends of a Dask connection remember their last messages, and each of ours holds a notebook.
FEW_MESSAGES = {"distributed.admin.low-level-log-length": 10}
TASKS_A_WORKER = 3  # that wait, so that none idles while its next one is prepared


@dataclass(frozen=True)
class Task:
    """A submission to judge.

    Attributes:
        student, notebook: whose it is, and the full name of the notebook.
        digest: of all that the result depends on.
        rules: the digest of what it is to be judged by.
        folder: with the modules of checks.
        text: the submission, matched to the release, as JSON.
    """

    student: str
    notebook: str
    digest: str
    rules: str
    folder: Path
    text: str


@functools.cache
def own_checks(folder: Path, notebook: str) -> tuple[str, dict[str, Check]]:
    """Return the checks that this worker goes on with, whatever becomes of their files.

    Args:
        folder: with the modules of checks.
        notebook: such as 01_pytorch_basics.

    Returns:
        what ``rules_digest`` gave when they were imported, and the checks by grade id.
    """
    return rules_digest(folder, notebook), checks_by_id(notebook, folder)


def judge_task(task: Task) -> Result:
    """Judge one submission; runs in a worker.

    Raises:
        CourseError: the worker has other checks than the grader that asks.
    """
    # On another machine the course may lie elsewhere.
    folder = task.folder if task.folder.is_dir() else folder_here()
    digest, checks = own_checks(folder, task.notebook)
    if digest != task.rules:
        raise CourseError(
            f"{platform.node()} has another version of the course or of torch; "
            "install the same there"
        )
    began, own = time.monotonic(), time.thread_time()
    run = run_submission(nbformat.from_dict(json.loads(task.text)), checks)
    return Result(
        task.student,
        task.notebook,
        task.digest,
        run.verdicts,
        notes=run.notes,
        seconds=round(time.monotonic() - began, 3),
        cpu_seconds=round(time.thread_time() - own + run.used.cpu_seconds, 3),
    )


class Deaf(WorkerPlugin):
    """Lets a worker on this machine not hear Ctrl-C, which is for the program that grades."""

    def setup(self, worker: Worker) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class Warm(WorkerPlugin):
    """Gives a worker of another cluster a server of agents; those of ours share one."""

    def setup(self, worker: Worker) -> None:
        self.running = contextlib.ExitStack()
        if fork_client.ADDRESS not in os.environ:
            data = Path(os.environ.get("COURSE_DATA") or PACKAGE.parent / "data")
            self.running.enter_context(fork_client.warm_agents(data))

    def teardown(self, worker: Worker) -> None:
        self.running.close()


@contextlib.contextmanager
def workers_here(count: int) -> Iterator[Client]:
    """Start a Dask cluster of some processes on this machine, of one thread each.

    It is called within ``fork_client.warm_graders``.

    Args:
        count: of the processes.
    """
    settings: dict[str, object] = {
        "distributed.worker.multiprocessing-method": (
            "forkserver" if fork_client.SUPPORTED else "spawn"
        ),
        # A worker holds one submission at a time; what it needs is not Dask's to judge.
        "distributed.worker.memory.terminate": False,
        "distributed.worker.memory.pause": False,
        # Without a server to fork from, a worker starts the submission's process itself.
        "distributed.worker.daemon": fork_client.SUPPORTED,
        **FEW_MESSAGES,
        # No pages for browsers: nobody is told where they are.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    # Else Dask would choose what to preload, and import pandas and more here to see what there is.
    distributed.utils._forkserver_preload_set = True
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            # The process that they are forked from may be one of an earlier run.
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(Deaf(), name="course-deaf")
        yield client


@contextlib.contextmanager
def workers_at(address: str) -> Iterator[Client]:
    """Use the workers of an existing Dask scheduler.

    Raises:
        CourseError: there is no scheduler, or it has no workers.
    """
    try:
        with dask.config.set(FEW_MESSAGES):
            client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise CourseError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise CourseError(f"the Dask scheduler at {address} has no workers; start some first")
        client.register_plugin(Warm(), name="course-warm")
        yield client


def judge_all(client: Client, tasks: Iterator[Task]) -> Iterator[tuple[Task, Result]]:
    """Judge submissions on the workers; yield each with its result as soon as it is there.

    A few tasks at a time are handed over, so that a class of thousands needs no more memory
    than one of ten. When a worker dies its submission goes to another; one during which
    several workers died is given up.

    Args:
        client: of the workers.
        tasks: is asked for the next task when there is room for it.
    """
    width = TASKS_A_WORKER * max(1, len(client.scheduler_info()["workers"]))
    waiting: dict[Key, Task] = {}
    running = as_completed()

    def submit(task: Task) -> None:
        # To Dask these are tasks of one kind; of each kind it would keep statistics.
        key = ("judge", f"{task.notebook}-{task.student}-{task.digest}")
        future = client.submit(judge_task, task, key=key, pure=False)
        waiting[future.key] = task
        running.add(future)

    for task in itertools.islice(tasks, width):
        submit(task)
    for future in running:
        task = waiting.pop(future.key)
        yield task, _result_of(future, task)
        future.release()
        for following in itertools.islice(tasks, 1):
            submit(following)


def _result_of(future: Future[Result], task: Task) -> Result:
    try:
        result: Result = future.result()
        return result
    except KilledWorker:
        problem = "several grading processes died while they judged it; look at it by hand"
    except CourseError as error:
        problem = f"grading failed: {error}"
    except Exception as error:  # a defect of a check costs one submission, not the class
        # Where, not what: a submission may have made the text of the exception.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        problem = f"grading failed: {type(error).__name__} in {where}"
    return Result(task.student, task.notebook, task.digest, problem=problem)
