"""What a run has done, so that the next one need not do it again: a file a submission.

Only what judging has found of a file's bytes is kept. What finding and matching say of a submission
may be otherwise in the next run: whether it is the last of two versions, for instance.

A file is written after the gradebook has the result. So a run that was killed at any moment does
again at most what it was doing.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from autograder.files import replace_file
from autograder.results.result import OlderForm, Result


class Ledger:
    """The results in a folder, by notebook and student.

    Args:
        folder: is made when the first result comes.

    Attributes:
        met_older: whether a result that was asked for is there in the form of an older
            version. It counts as not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.met_older = False

    def find(self, notebook: str, student: str, digest: str) -> Result | None:
        """Return the result of this very submission, if it is there."""
        try:
            result = Result.loads(self._path(notebook, student).read_text(encoding="utf-8"))
        except OlderForm:
            self.met_older = True
            return None
        except (OSError, ValueError):
            return None
        return result if result.digest == digest else None

    def all(self, notebook: str) -> list[Result]:
        """Return the results of a notebook that can be read, by student."""
        found = []
        for path in (self.folder / notebook).glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                found.append(Result.loads(path.read_text(encoding="utf-8")))
        return sorted(found, key=lambda result: result.student)

    def store(self, result: Result) -> None:
        """Note a result as done; its notes are those of judging alone."""
        replace_file(self._path(result.notebook, result.student), result.dumps())

    def forget(self, notebook: str, student: str) -> None:
        """Let a submission be judged again."""
        self._path(notebook, student).unlink(missing_ok=True)

    def _path(self, notebook: str, student: str) -> Path:
        # A student's id can be as long as a file name may be.
        name = hashlib.sha256(student.encode()).hexdigest()[:32]
        return self.folder / notebook / f"{name}.json"
