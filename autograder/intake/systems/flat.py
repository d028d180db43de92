"""A flat folder: beside the notebook's name in a file's name stands the student's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, System

NO_NAME = re.compile(r"({0}(_{0})*)?".format(r"(v?\d{1,2}|final|new|done|solved|solution)"), re.I)


class Flat(System):
    """Takes every file that lies in no folder; other files than notebooks are ignored."""

    def of(self, file: File) -> Sequence[Handed] | None:
        if len(file.parts) > 1:
            return None
        handed = Handed(Owner(""), file, file.name, labelled=True)
        if handed.stem is None:
            # A student's folder that is a link is listed as a file that cannot be read.
            folder = file.problem and "." not in file.name
            return [Handed(Owner(file.name), file, file.name)] if folder else []
        rest = self.catalogue.by_name(handed.stem).rest
        if NO_NAME.fullmatch(rest):
            problem = "the file name does not say whose it is; add the student's name to it"
            return [replace(handed, owner=Owner(handed.stem), problem=problem)]
        return [replace(handed, owner=Owner(rest))]
