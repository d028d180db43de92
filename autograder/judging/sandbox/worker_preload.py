"""Imports what the workers that grade need, before they are forked.

multiprocessing's server prints a traceback of anything but an ImportError and dies of it. What
fails here, the process that wants workers imports, too, and tells.
"""

import contextlib

with contextlib.suppress(Exception):  # a broken library may raise anything
    import distributed  # noqa: F401

    import autograder.judging.pool  # noqa: F401
