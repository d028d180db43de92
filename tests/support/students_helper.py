"""course_helper as students have it: one module, joined from its parts."""

import sys
from importlib.util import module_from_spec

from autograder.inside.joining import OneFile

spec = OneFile().find_spec("course_helper", None)
assert spec and spec.loader
course_helper = module_from_spec(spec)
sys.modules[spec.name] = course_helper  # its dataclass looks there
spec.loader.exec_module(course_helper)
