"""Students as the sources of submissions know them, and the ids that they get."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

RESERVED = re.compile(r"(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """A student as the source knows them: a name, and a number that tells namesakes apart."""

    name: str
    number: str = ""


def give_ids(owners: Sequence[Owner]) -> dict[Owner, str]:
    """Return an id for each student; different ones are never the same on any system."""
    namesakes: dict[str, list[Owner]] = defaultdict(list)
    for owner in dict.fromkeys(owners):
        namesakes[safe_name(owner.name).casefold()].append(owner)
    ids: dict[Owner, str] = {}
    for group in namesakes.values():
        for owner in group:
            name = safe_name(owner.name)
            # The name that needed no change keeps it; the others get what stays the same.
            if len(group) > 1 and (owner.number or name != owner.name):
                mark = hashlib.sha256(owner.name.encode()).hexdigest()[:6]
                name += f"_{owner.number or mark}"
            ids[owner] = name
    return _told_apart(ids)


def _told_apart(ids: dict[Owner, str]) -> dict[Owner, str]:
    """Return ids of which no two differ only in case, or not at all."""
    used: set[str] = set()
    apart: dict[Owner, str] = {}
    for owner, name in sorted(ids.items(), key=lambda item: (item[0].name, item[0].number)):
        tries = 0
        while name.casefold() in used:
            tries += 1
            text = f"{owner.name}/{owner.number}/{tries}"
            name = f"{ids[owner]}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        used.add(name.casefold())
        apart[owner] = name
    return apart


def safe_name(name: str) -> str:
    """Return a name as a file or folder can be called on every system.

    Letters of all alphabets stay; spaces and signs become underscores.
    """
    letters = []
    for letter in unicodedata.normalize("NFC", name):
        mark = unicodedata.category(letter).startswith("M")
        letters.append(letter if letter.isalnum() or mark or letter in "_.@-" else "_")
    safe = re.sub(r"_{2,}", "_", "".join(letters)).strip("_.-")[:60].rstrip("_.-") or "student"
    if RESERVED.fullmatch(safe):
        # Windows looks at what stands before the first dot only.
        stem, dot, rest = safe.partition(".")
        return f"{stem}_{dot}{rest}"
    return safe
