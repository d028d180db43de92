"""Helper module of the course: it lies beside the notebooks and is all they need.

It loads the digits, runs the public checks, and draws in one style. It imports
nothing but PyTorch and matplotlib, so that it also works in Colab.
"""

# Students get this package as one file; autograder.inside.joining says how and why.

from autograder.inside.student.course_helper.alexnet import (
    ALEXNET_DOWNLOAD_SECONDS,
    ALEXNET_FILE,
    ALEXNET_SECONDS,
    ALEXNET_SHA256,
    SMALL_CONVOLUTIONS,
    SMALL_POOLED,
    load_alexnet,
    small_alexnet,
)
from autograder.inside.student.course_helper.by_hand import (
    ELSEWHERE,
    HIDING_CALLS,
    HIDING_METHODS,
    LIBRARIES,
    LIBRARY_CALLS,
    LIBRARY_FILE,
    expect_library_unused,
    expect_written_by_hand,
    library_calls,
)
from autograder.inside.student.course_helper.checks import (
    BUSY_FACTOR,
    BUSY_SECONDS,
    CHECK_SECONDS,
    NOTEBOOK_CHECK_SECONDS,
    check,
    run_check,
    seed_everything,
)
from autograder.inside.student.course_helper.data import DataError, data_folders
from autograder.inside.student.course_helper.digits import (
    DIGITS_FILE,
    DIGITS_SHA256,
    DOWNLOAD_SECONDS,
    TRAINING_DIGITS,
    load_digits,
)
from autograder.inside.student.course_helper.expectations import (
    TOLERANCES,
    expect,
    expect_close,
    expect_equal,
)
from autograder.inside.student.course_helper.failures import (
    CheckFailed,
    Failure,
    Mismatch,
    NotWrittenYet,
    StudentRaised,
    builtin_name,
    describe_error,
    is_stub,
    waits_for,
)
from autograder.inside.student.course_helper.figures import COLOURS, play, use_course_style
from autograder.inside.student.course_helper.limits import TimeLimit, time_limit
from autograder.inside.student.course_helper.values import (
    THIS_PROCESS,
    StudentSide,
    inside,
    numbers,
    parameter,
    plain,
    student_side,
)

__all__ = [
    "ALEXNET_DOWNLOAD_SECONDS",
    "ALEXNET_FILE",
    "ALEXNET_SECONDS",
    "ALEXNET_SHA256",
    "BUSY_FACTOR",
    "BUSY_SECONDS",
    "CHECK_SECONDS",
    "COLOURS",
    "DIGITS_FILE",
    "DIGITS_SHA256",
    "DOWNLOAD_SECONDS",
    "ELSEWHERE",
    "HIDING_CALLS",
    "HIDING_METHODS",
    "LIBRARIES",
    "LIBRARY_CALLS",
    "LIBRARY_FILE",
    "NOTEBOOK_CHECK_SECONDS",
    "SMALL_CONVOLUTIONS",
    "SMALL_POOLED",
    "THIS_PROCESS",
    "TOLERANCES",
    "TRAINING_DIGITS",
    "CheckFailed",
    "DataError",
    "Failure",
    "Mismatch",
    "NotWrittenYet",
    "StudentRaised",
    "StudentSide",
    "TimeLimit",
    "builtin_name",
    "check",
    "data_folders",
    "describe_error",
    "expect",
    "expect_close",
    "expect_equal",
    "expect_library_unused",
    "expect_written_by_hand",
    "inside",
    "is_stub",
    "library_calls",
    "load_alexnet",
    "load_digits",
    "numbers",
    "parameter",
    "plain",
    "play",
    "run_check",
    "seed_everything",
    "small_alexnet",
    "student_side",
    "time_limit",
    "use_course_style",
    "waits_for",
]
