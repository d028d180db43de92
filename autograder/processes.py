"""What the graders' own tools need and say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def telling_line(output: str) -> str:
    """Return the last line of an output that names an exception, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"\w*(Error|Exception|Refused)\b", line)]
    return (named or lines or ["it said nothing"])[-1][:300]


def find_own_tools() -> None:
    """Put this environment's programs first on PATH, as activating it would.

    nbgrader starts ``alembic`` by name.
    """
    own = str(Path(sys.executable).parent)
    if own not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", "")])
