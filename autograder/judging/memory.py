"""What was proved before, by content: a proof whose every input is as it was is not made again."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from autograder.files import hash_of, replace_file


@functools.cache
def installed_versions() -> str:
    """Return a hash of the versions of all that is installed: what constraints.txt has pinned."""
    found = {f"{each.name} {each.version}" for each in metadata.distributions()}
    return hash_of(*sorted(found))


class Memory:
    """The keys of the proofs that have succeeded, in a file.

    A key is a hash of all that a proof depends on, so a wrong file can at worst cost time.

    Args:
        path: the file; what cannot be read counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known: set[str] = set(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.known = set()

    def has(self, key: str) -> bool:
        """Tell whether the proof with this key has succeeded before."""
        return key in self.known

    def keep(self, keys: Iterable[str]) -> None:
        """Remember these proofs, which have succeeded, and forget all others."""
        self.known = set(keys)
        replace_file(self.path, json.dumps(sorted(self.known), indent=0))
