"""Texts for people: what may be printed, and how numbers and lists are worded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence


def printable(text: str) -> str:
    """Return a name as it can be printed and compared, whatever bytes it is made of."""
    with contextlib.suppress(UnicodeEncodeError):  # half characters that no system made
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def quoted(text: str, most: int = 40) -> str:
    """Return a text that somebody else wrote as it may stand in a message: short, in quotes."""
    return repr(text if len(text) <= most else f"{text[: most - 3]}...")


def some_of(names: Sequence[str], most: int) -> str:
    """Return the first names of a list and how many there are more: ``a, b and 2 more``."""
    left_out = len(names) - most
    return ", ".join(names[:most]) + (f" and {left_out} more" if left_out > 0 else "")


def in_points(number: float) -> str:
    """Return a number of points in words: ``1 point``, ``2.5 points``."""
    return f"{number:g} point{'' if number == 1 else 's'}"


def telling_line(output: str) -> str:
    """Return the last line of a program's output that names an exception, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"\w*(Error|Exception|Refused)\b", line)]
    return (named or lines or ["it said nothing"])[-1][:300]
