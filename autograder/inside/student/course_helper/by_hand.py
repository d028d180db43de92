"""Whether a solution is written by hand or lets a library do the work."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.inside.student.course_helper.expectations import _argument, expect
from autograder.inside.student.course_helper.values import inside

# Library functions that do an exercise's work, by the last part of their names. Functions of
# C are matched wherever they are, functions of Python in these packages alone.
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "skimage", "sklearn", "cv2")
LIBRARY_FILE = re.compile(rf"[\\/](site|dist)-packages[\\/]({'|'.join(LIBRARIES)})[\\/]")
LIBRARY_CALLS = {
    "PCA": r"\w*(pca|svd)_lowrank|fit_transform|_fit(_full|_truncated)?",
    "autograd": r"run_backward|_?make_dual",
    "batch normalisation": r"\w*(batch|group|instance|layer)_norm\w*",
    "convolution": r"\w*(conv(_\w*)?\dd|conv_tbc|convol(ution|ve)|conv\b|correlate)\w*",
    "cross-entropy": r"(cross_entropy|nll_loss|kl_div)\w*",
    "initialisation": r"(xavier|kaiming)_\w+|orthogonal_",
    "pooling": r"\w*(max|avg|average|lp)_?pool\w*|block_reduce|"
    r"(maximum|minimum|uniform|rank|generic)_filter(1d)?",
}
# Nobody needs these to write an exercise: they look for who watches, or work where nobody does.
HIDING_CALLS = r"(get|set)(profile|trace)|fork(_exec|pty)?|posix_spawnp?|start_new_thread|system"
HIDING_CALLS += r"|_disable_current_modes|_pop_(mode|torch_dispatch)\w*|_unset_dispatch_mode"
ELSEWHERE = r"(concurrent|multiprocessing|queue|subprocess|threading)(\..*)?"
HIDING_METHODS = r"get|join|put|result|run|start|submit|wait"


class _Operators(TorchDispatchMode):
    """Notices torch's operators, below its functions and whatever compiles or wraps these."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch says nothing of its type
        self.notice = notice

    def __torch_dispatch__(
        self,
        operator: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.notice(operator.__name__.partition(".")[0])
        if torch._C._current_graph_task_id() != -1:  # the engine runs, however it was called
            self.notice("run_backward")
        return operator(*args, **(kwargs or {}))


# A call that library_calls has to notice, or else it is not what it was.
_LIBRARY_CALL = (torch.ones(1, 1, 3), torch.ones(1, 1, 2))


def library_calls(
    what: str, function: Callable[..., object], *arguments: object, **keywords: object
) -> list[str]:
    """Call a function and return the library functions that did its work, such as ``conv2d``.

    They are noticed as they run, so another name for them or a module around them does
    not hide them. What hides work from such a watch is returned as well.

    Args:
        what: a key of LIBRARY_CALLS.
        function: called with the arguments; what it returns is dropped.
    """
    found: dict[str, None] = {}
    below: dict[str, None] = {}

    def notice(frame: FrameType, event: str, called: Any) -> None:
        names: list[str] = []
        kinds: list[str] = []
        if event == "c_call":
            names = [called.__name__]
            # This function switches the profiler off itself.
            kinds = [LIBRARY_CALLS[what], "" if frame.f_globals is globals() else HIDING_CALLS]
        elif event == "call":
            code, module = frame.f_code, str(frame.f_globals.get("__name__", ""))
            # A copy of a function may have another name, or another module's.
            names = [code.co_name, code.co_qualname.rpartition(".")[2]]
            if module.partition(".")[0] in LIBRARIES or LIBRARY_FILE.search(code.co_filename):
                kinds = [LIBRARY_CALLS[what], HIDING_CALLS]
            elif re.fullmatch(ELSEWHERE, module):
                kinds = [HIDING_METHODS]
        for name in names:
            if any(re.fullmatch(kind, name) for kind in kinds):
                found[name] = None

    def notice_operator(name: str) -> None:
        if re.fullmatch(LIBRARY_CALLS[what], name):
            below[name] = None

    with _Operators(notice_operator):
        before = sys.getprofile()
        sys.setprofile(notice)
        try:
            function(*arguments, **keywords)
        finally:
            sys.setprofile(before)
    return list(found or below) + _students_threads()


def _students_threads() -> list[str]:
    """Say which of a notebook's functions run in other threads, where nothing watches them.

    Jupyter's own threads run modules. An import gives these a ``__spec__``; a cell has none.
    """
    passed_over = {threading.get_ident(), threading.main_thread().ident}
    found: dict[str, None] = {}
    frame: FrameType | None
    for thread, frame in sys._current_frames().items():
        while frame and thread not in passed_over:
            if frame.f_globals.get("__spec__") is None:
                name = frame.f_code.co_name
                found[f"functions out of sight ({name} runs in another thread)"] = None
            frame = frame.f_back
    return list(found)


def expect_written_by_hand(
    what: str, function: Callable[..., object], *arguments: object, **keywords: object
) -> None:
    """Fail if a call raises, or lets a library do what the exercise asks for; see library_calls."""
    function(*arguments, **keywords)
    _expect_unused(sys._getframe(1), what, function, *arguments, **keywords)


def expect_library_unused(
    what: str, function: Callable[..., object], *arguments: object, **keywords: object
) -> None:
    """Fail if a call that can be made only once lets a library do the work."""
    _expect_unused(sys._getframe(1), what, function, *arguments, **keywords)


def _expect_unused(
    caller: FrameType,
    what: str,
    function: Callable[..., object],
    *arguments: object,
    **keywords: object,
) -> None:
    watch = inside(f"{__name__}.library_calls")
    seen = watch("convolution", inside("torch.nn.functional.conv1d"), *_LIBRARY_CALL)
    expect("conv1d" in seen, "The functions of course_helper are not those of the course any more.")
    found = watch(what, function, *arguments, **keywords)
    expect(
        not found,
        f"{_argument(caller, 1)} calls the library's {' and '.join(found)}.\n"
        f"Write the {what} yourself.",
    )
