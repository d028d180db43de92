"""Helper module of the course: it lies beside the notebooks and is all they need.

It loads the digits, runs the public checks, and draws in one style. It imports
nothing but PyTorch and matplotlib, so that it also works in Colab.
"""

from __future__ import annotations

import ast
import contextlib
import contextvars
import hashlib
import inspect
import io
import linecache
import os
import pkgutil
import random
import re
import signal
import sys
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# ----------------------------------------------------------------------------- figures

# Okabe and Ito's palette (2008): eight colours that colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def use_course_style() -> None:
    """Set matplotlib to the course's colours, sizes and line styles.

    Lines differ in dash pattern as well as in colour, so figures read in print.
    """
    import matplotlib.pyplot as plt
    from cycler import cycler

    dashes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), "-")
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=dashes),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.dpi": 100,
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray",
            "lines.linewidth": 2.0,
        }
    )


def play(
    draw: Callable[..., object], **controls: tuple[float, float, float, float] | list[str]
) -> None:
    """Draw a figure that sliders and menus change; where widgets do not run draw it once.

    They do not run without the package ipywidgets, nor in a notebook that is executed
    without a person in front of it, which sets the variable COURSE_STATIC_FIGURES.

    Args:
        draw: a function of one argument per control; it draws and shows one figure.
        controls: for every slider ``name=(start, low, high, step)``, for every menu
            ``name=[first choice, another, ...]``.
    """
    starts = {name: control[0] for name, control in controls.items()}
    try:
        import ipywidgets
    except ImportError:
        print("Sliders need the package ipywidgets; this is the figure at its first values.")
        ipywidgets = None
    if ipywidgets is None or os.environ.get("COURSE_STATIC_FIGURES"):
        draw(**starts)
        return

    def widget(control: tuple[float, float, float, float] | list[str]) -> object:
        if isinstance(control, list):
            return ipywidgets.Dropdown(options=control)
        start, low, high, step = control
        slider = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
        return slider(value=start, min=low, max=high, step=step, continuous_update=False)

    ipywidgets.interact(draw, **{name: widget(control) for name, control in controls.items()})


# ----------------------------------------------------------------------------- data


class DataError(Exception):
    """A data file is missing or damaged; the message says what to do."""


def data_folders() -> list[Path]:
    """Return the folders searched for data, nearest first.

    They are ``$COURSE_DATA`` if set, then ``data/`` and ``shared/data/`` in the
    working folder, in the folder of this file, and in every folder above these.
    """
    folders = [Path(os.environ["COURSE_DATA"])] if os.environ.get("COURSE_DATA") else []
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            folders += [folder / "data", folder / "shared" / "data"]
    return list(dict.fromkeys(folders))


def _is_file(path: Path) -> bool:
    # Path.is_file raises PermissionError below a folder that is closed to this user.
    return os.path.isfile(path)  # noqa: PTH113


def _course_file(name: str, sha256: str) -> Path:
    """Return the path of a data file that comes with the course.

    Raises:
        DataError: it is missing or damaged.
    """
    candidates = [folder / name for folder in data_folders()]
    path = next((path for path in candidates if _is_file(path)), None)
    if path is None:
        raise DataError(
            f"{name} was not found in data/ here or in a folder above. Keep the notebook "
            "in the course folder, or set the environment variable COURSE_DATA to the folder "
            f"that holds {name}."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(
            f"{path} is damaged or not the course's file (its SHA-256 differs). "
            "Fetch data/ from the course repository again."
        )
    return path


# ----------------------------------------------------------------------------- digits

DIGITS_FILE = "digits.npz"
DIGITS_SHA256 = "3a1200db443d08b8e5246cbb90d7192f6fe640223b42ac3e6d682c2847d6f0f7"
TRAINING_DIGITS = 8_000
DOWNLOAD_SECONDS = 5.0  # how long a server may stay silent


def load_digits(
    train: bool = True, *, full: bool | None = None, download: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Load handwritten digits (MNIST, LeCun et al. 1998) and say which set is in use.

    Args:
        train: the training part (True) or the test part (False).
        full: None takes the full MNIST if it lies on disk, else the shipped 10,000
            digits; True insists on the full set; False takes the shipped digits.
        download: fetch the full MNIST (11 MB) if it is not on disk; on failure the
            shipped digits are used and the reason is printed.

    Returns:
        images, uint8 of shape (N, 28, 28), 0 = background, 255 = full ink;
        labels, int64 of shape (N,), the digits 0 to 9.
        N is 60,000 or 10,000 for the full set, 8,000 or 2,000 for the shipped digits.

    Raises:
        DataError: a file is missing or damaged.
    """
    if full is not False:
        found = _load_full_mnist(train, download)
        if found is not None:
            return found
        if full:
            raise DataError(
                "The full MNIST is not on this machine. With a network, call "
                "load_digits(download=True); without one, load_digits(full=False) for the "
                "10,000 digits that come with the course."
            )
    return _load_shipped_digits(train)


def _load_full_mnist(train: bool, download: bool) -> tuple[torch.Tensor, torch.Tensor] | None:
    from http.client import HTTPException

    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in kinds]
    for root in data_folders():
        if all(_is_file(root / "MNIST" / "raw" / name) for name in names):
            return _say_which(_open_mnist(root, train), "full MNIST", root / "MNIST")
    if not download:
        return None
    root = next((folder for folder in data_folders() if os.access(folder, os.W_OK)), Path("data"))
    print("Downloading MNIST (11 MB) ...")
    try:
        _download_mnist(root)
    except (OSError, RuntimeError, HTTPException) as error:
        print(f"The download failed: {' '.join(str(error).split())}")
        return None
    return _say_which(_open_mnist(root, train), "full MNIST", root / "MNIST")


def _download_mnist(root: Path) -> None:
    import socket

    from torchvision.datasets import MNIST

    # torchvision sets no time limit, so a silent server would hang the notebook for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        MNIST(root, download=True)
    finally:
        socket.setdefaulttimeout(before)


def _open_mnist(root: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    from torchvision.datasets import MNIST

    try:
        data = MNIST(root, train=train)
    except Exception as error:  # torchvision raises half a dozen kinds for damaged files
        raise DataError(
            f"A file in {root / 'MNIST' / 'raw'} is damaged ({error!r}). "
            "Delete that folder and load again, or call load_digits(full=False)."
        ) from None
    expected = 60_000 if train else 10_000
    if data.data.shape != (expected, 28, 28) or data.targets.shape != (expected,):
        raise DataError(
            f"{root / 'MNIST' / 'raw'} holds {len(data.data)} images, not {expected}. "
            "Delete that folder and load again, or call load_digits(full=False)."
        )
    return data.data, data.targets


def _load_shipped_digits(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    import numpy

    path = _course_file(DIGITS_FILE, DIGITS_SHA256)
    with numpy.load(path) as archive:
        images = torch.from_numpy(archive["images"])
        labels = torch.from_numpy(archive["labels"].astype("int64"))
    part = slice(None, TRAINING_DIGITS) if train else slice(TRAINING_DIGITS, None)
    return _say_which((images[part], labels[part]), "shipped digits", path)


def _say_which(
    digits: tuple[torch.Tensor, torch.Tensor], name: str, place: Path
) -> tuple[torch.Tensor, torch.Tensor]:
    print(f"Digits: {name}, {len(digits[1]):,} images, from {place}")
    return digits


# ----------------------------------------------------------------------------- alexnet

ALEXNET_FILE = "small_alexnet.npz"
ALEXNET_SHA256 = "20df9e98ebd269c73fe7c3721858d5a4f1a94cf22f3be70a7132770421b8e83f"
ALEXNET_SECONDS = 5.0  # how long a server may stay silent
ALEXNET_DOWNLOAD_SECONDS = 300.0  # how long the whole download may take
# What the weights of the small network do not tell about it: stride and padding of its
# convolutions by their place in model.features, and the size that avgpool makes.
SMALL_CONVOLUTIONS = {0: (2, 4), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
SMALL_POOLED = 3


def load_alexnet(*, small: bool = False) -> tuple[torch.nn.Module, list[str], int]:
    """Load a trained AlexNet and say which one is in use.

    With a network, or with the file in torch's cache, it is torchvision's AlexNet with the
    weights IMAGENET1K_V1: 1,000 categories of ImageNet, 61 million parameters, 244 MB. Else
    it is the small one that comes with the course: the same layers under the same names, but
    narrow, with the 10 categories of CIFAR-10. A notebook that runs without a person in front
    of it (see play) does not download.

    Args:
        small: take the small one in any case.

    Returns:
        the model in evaluation mode; the names of the categories; the side in pixels of the
        square pictures that the model was trained on, 224 or 64.

    Raises:
        DataError: the file of the small one is missing or damaged.
    """
    from torchvision.models import AlexNet_Weights, alexnet

    weights = AlexNet_Weights.IMAGENET1K_V1
    path = None if small else _alexnet_file(weights.url)
    if path is not None:
        try:
            with torch.device("meta"):  # no time for random numbers that would be overwritten
                model = alexnet()
            state = torch.load(path, map_location="cpu", weights_only=True)
            model.load_state_dict(state, assign=True)
        except Exception as error:  # a damaged file makes torch raise half a dozen kinds
            reason = " ".join(str(error).split())[:100]
            print(f"{path} is damaged ({reason}). Delete it and load again.")
        else:
            print("Network: torchvision's AlexNet, 1,000 categories of ImageNet, 224 x 224 pixels")
            return model.eval(), list(weights.meta["categories"]), 224
    return _load_small_alexnet()


def _alexnet_file(url: str) -> Path | None:
    """Return the file of AlexNet's weights in torch's cache; download it if it is not there."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if _is_file(path):
        return path
    if os.environ.get("COURSE_STATIC_FIGURES"):
        return None
    print("Downloading AlexNet (244 MB) ...")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(url, path)
    except (OSError, RuntimeError) as error:
        print(f"The download failed: {' '.join(str(error).split())}")
        return None
    return path


def _download(url: str, path: Path) -> None:
    """Download a file whose name ends in the first digits of its SHA-256, such as -7be5be79.pth.

    A thread does it, because nothing limits how long the look-up of a name takes.

    Raises:
        OSError, RuntimeError: it failed; nothing is left behind.
    """
    import queue
    import urllib.request

    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    news: queue.Queue[int | Exception | None] = queue.Queue()
    given_up = threading.Event()

    def fetch() -> None:
        checksum, size = hashlib.sha256(), 0
        try:
            with urllib.request.urlopen(url, timeout=ALEXNET_SECONDS) as source:
                if given_up.is_set():
                    return
                with part.open("wb") as target:
                    while not given_up.is_set() and (block := source.read1(1 << 20)):
                        size += target.write(block)
                        checksum.update(block)
                        news.put(size)
            if given_up.is_set():
                return
            if not checksum.hexdigest().startswith(path.stem.rpartition("-")[2]):
                raise RuntimeError("the file that came is not AlexNet's (its SHA-256 differs)")
            part.replace(path)
            news.put(None)
        except Exception as error:
            news.put(error)
        finally:
            part.unlink(missing_ok=True)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    began, shown = time.monotonic(), 0
    try:
        while True:
            try:
                event = news.get(timeout=ALEXNET_SECONDS)
            except queue.Empty:
                raise TimeoutError(f"no answer in {ALEXNET_SECONDS:g} s") from None
            if event is None:
                return
            if isinstance(event, Exception):
                raise RuntimeError(f"{type(event).__name__}: {event}")
            if event >> 25 > shown:  # every 32 MiB
                shown = event >> 25
                print(f"  {event / 1e6:.0f} MB after {time.monotonic() - began:.0f} s")
            if time.monotonic() - began > ALEXNET_DOWNLOAD_SECONDS:
                raise TimeoutError(f"not done after {ALEXNET_DOWNLOAD_SECONDS:g} s")
    finally:
        given_up.set()
        thread.join(1.0)


def _load_small_alexnet() -> tuple[torch.nn.Module, list[str], int]:
    import numpy

    with numpy.load(_course_file(ALEXNET_FILE, ALEXNET_SHA256)) as archive:
        model = small_alexnet(archive)
        categories = archive["categories"].tolist()
    print("Network: the course's small AlexNet, 10 categories of CIFAR-10, 64 x 64 pixels")
    return model, categories, 64


def small_alexnet(weights: Mapping[str, Any]) -> torch.nn.Module:
    """Return torchvision's AlexNet with layers as wide as these weights, in evaluation mode.

    Args:
        weights: a mapping from the names of AlexNet's parameters to numpy arrays.
    """
    from torchvision.models import alexnet

    with torch.device("meta"):  # AlexNet's own 61 million parameters are never made
        model = alexnet()
        for place, (stride, padding) in SMALL_CONVOLUTIONS.items():
            outputs, inputs, *kernel = weights[f"features.{place}.weight"].shape
            layer = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding)
            model.features[place] = layer
        for place in (1, 4, 6):
            outputs, inputs = weights[f"classifier.{place}.weight"].shape
            model.classifier[place] = torch.nn.Linear(inputs, outputs)
    model.avgpool = torch.nn.AdaptiveAvgPool2d(SMALL_POOLED)
    state = {name: torch.from_numpy(weights[name]).float() for name in model.state_dict()}
    model.load_state_dict(state, assign=True)
    network: torch.nn.Module = model.eval()
    return network


# ----------------------------------------------------------------------------- failures


class CheckFailed(AssertionError):
    """A check failed. Jupyter shows the message alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        # Pages such as nbgrader's feedback cut long lines off.
        wrap = textwrap.TextWrapper(88, subsequent_indent="    ", break_long_words=False)
        return [part for line in str(self).splitlines() for part in wrap.wrap(line) or [""]]


class NotWrittenYet(CheckFailed, NotImplementedError):
    """The exercise of a check is still the stub that the notebook came with."""


@dataclass(frozen=True)
class Failure:
    """Why a check failed.

    Attributes:
        kind: "missing", "stub", "mismatch", "error" or "timeout".
        text: what happened, for somebody who may see the check's inputs.
        error: for kind "error" the name of the built-in exception, else "".
    """

    kind: str
    text: str
    error: str = ""


class StudentRaised(Exception):
    """The student's code raised in another process; ``failure`` tells what."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Mismatch(AssertionError):
    """What came back is not what was expected."""


def is_stub(error: BaseException) -> bool:
    """Tell a stub's exception from torch's, which also raises NotImplementedError."""
    text = str(error)
    return isinstance(error, NotImplementedError) and (
        not text or text.endswith("is not written yet.")
    )


def builtin_name(error: BaseException) -> str:
    """Name the nearest built-in class: a student's own class name could carry data."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def describe_error(error: BaseException, *passed_over: str) -> str:
    """Say what was raised and in which lines, except those of libraries and given files."""
    text = f"  it raised   {type(error).__name__}: {error}"
    own = Path(__file__).parent if __package__ else Path(__file__)  # it may be a part of a package
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.line
        and own not in (Path(frame.filename), Path(frame.filename).parent)
        and frame.filename not in passed_over
        and "site-packages" not in frame.filename
    ]
    calls = [f"  line {frame.lineno} of {frame.name}:  {frame.line}" for frame in frames]
    return "\n".join([text, *calls])


@contextlib.contextmanager
def waits_for(*exercises: str) -> Iterator[None]:
    """Run a cell that uses your solutions; say so calmly while one is not written yet.

    Args:
        exercises: the names of the exercises whose functions the cell calls.
    """
    try:
        yield
    except (NotImplementedError, NameError) as error:
        missing = isinstance(error, NameError) and error.name in exercises
        if not missing and not is_stub(error):
            raise
        print(f"This cell waits for {', '.join(exercises)}. Solve that first, then run it again.")


# ----------------------------------------------------------------------------- limits


class TimeLimit(BaseException):
    """Code ran too long. No Exception, so that ``except Exception`` does not stop it."""


@contextlib.contextmanager
def time_limit(seconds: float, by_the_clock: float = 0.0) -> Iterator[None]:
    """Raise TimeLimit in the block after this many seconds; limits nest.

    Signals interrupt only a main thread on Unix; elsewhere there is no limit.
    An outer limit stands still while an inner one runs.

    Args:
        seconds: the limit; 0 is none.
        by_the_clock: if it is more, the limit is one of CPU time until so many seconds have gone:
            a machine that is busy with something else must not cost a student points.
    """
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        unused = seconds - (time.process_time() - computed)
        left = min(unused, by_the_clock - (time.monotonic() - began))
        if left <= 0:
            raise TimeLimit
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))

    began, computed = time.monotonic(), time.process_time()
    outer_handler = signal.signal(signal.SIGALRM, stop)
    outer_left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        signal.setitimer(signal.ITIMER_REAL, outer_left)


# ----------------------------------------------------------------------------- checks

CHECK_SECONDS = 10.0
# In a notebook the first optimiser imports half of torch in the middle of a check.
NOTEBOOK_CHECK_SECONDS = 20.0
# While others hold the cores a check's time is that of its process, for so long by the clock: for
# less than the 30 s that a cell has.
BUSY_FACTOR, BUSY_SECONDS = 2.5, 25.0


def check(
    exercise: str, *, points: float, hint: str, hidden: bool = False
) -> Callable[[FunctionType], None]:
    """Run the decorated function as a public check of an exercise, at once.

    The function's parameters are names that you define in this notebook. Nothing
    is returned; a failed check raises CheckFailed, which says what was called,
    what came back, what was expected, and a hint.

    Args:
        exercise: the name of the exercise.
        points: what the check is worth when the notebook is graded.
        hint: what to look at when the check fails.
        hidden: always False in a notebook; hidden checks run when you are graded.
    """

    def run(function: FunctionType) -> None:
        title = function.__name__.replace("_", " ")
        failure = run_check(function, function.__globals__, NOTEBOOK_CHECK_SECONDS)
        if failure is None:
            print(f"✓ {exercise}: {title} ({points:g} of {points:g} {_points(points)})")
            return
        kind = NotWrittenYet if failure.kind in ("stub", "missing") else CheckFailed
        lines = [f"✗ {exercise}: {title} (0 of {points:g} {_points(points)})", failure.text]
        if kind is CheckFailed:
            lines.append(f"Hint: {hint}")
        raise kind("\n".join(lines)) from None

    return run


def _points(points: float) -> str:
    return "point" if points == 1 else "points"


def run_check(
    function: Callable[..., object], names: Mapping[str, object], seconds: float = CHECK_SECONDS
) -> Failure | None:
    """Call a check with the objects its parameters name; return None if it passes.

    Warnings, and what the student's code prints to stderr, are dropped: nbgrader
    would count them as failure. torch, numpy and random are seeded first.

    Args:
        function: the check.
        names: mapping from a name to the student's object, such as ``globals()``.
        seconds: the limit. It holds in a main thread on Unix. On a busy machine it is one of CPU
            time; by the clock a check may then take up to 2.5 times as long, at most 25 s.
    """
    arguments = {}
    for name in inspect.signature(function).parameters:
        if name not in names:
            return Failure(
                "missing",
                f"{name} is not defined. Run the cell that defines it, then this one.",
            )
        arguments[name] = names[name]
    seed_everything(0)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            with time_limit(seconds, min(BUSY_FACTOR * seconds, BUSY_SECONDS)):
                function(**arguments)
    except Mismatch as error:
        return Failure("mismatch", str(error))
    except StudentRaised as error:
        return error.failure
    except (TimeLimit, KeyboardInterrupt):
        return Failure("timeout", f"It did not finish in {seconds:g} s. Is there an endless loop?")
    except BaseException as error:  # a student's sys.exit must not end the grading
        if is_stub(error):
            text = str(error) or f"{' or '.join(arguments)} is not written yet."
            return Failure("stub", f"{text} Write it in the cell above, run that, then this.")
        return Failure("error", describe_error(error), builtin_name(error))
    return None


def seed_everything(seed: int) -> None:
    """Seed torch, numpy (if it is loaded) and random."""
    # torch.manual_seed would also note, with a traceback, to seed CUDA when it is first used.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)


# ----------------------------------------------------------------------------- values


class StudentSide:
    """Where the student's objects live: this process.

    The trusted grader puts another one in its place, whose objects live in the
    student's process (autograder.judging.session).
    """

    def inside(self, path: str) -> Any:
        """Return the object with this dotted path, such as ``torch.nn.Linear``."""
        return pkgutil.resolve_name(path)

    def plain(self, value: object) -> Any:
        """Return a copy of a value that belongs to the check: a tensor loses its graph."""
        return value.detach().clone() if isinstance(value, torch.Tensor) else value


THIS_PROCESS = StudentSide()
student_side = contextvars.ContextVar("student_side", default=THIS_PROCESS)


def inside(path: str) -> Any:
    """Return a library object as the student's process sees it, such as ``torch.nn.Linear``."""
    return student_side.get().inside(path)


def plain(value: object) -> Any:
    """Return the value of a result: a tensor without its graph, a number, a string."""
    return student_side.get().plain(value)


def parameter(values: object) -> torch.nn.Parameter:
    """Return a new tensor with these values that records gradients."""
    made: torch.nn.Parameter = inside("torch.nn.Parameter")(
        torch.as_tensor(values).detach().clone()
    )
    return made


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return standard normal numbers of this shape that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


# ----------------------------------------------------------------------------- expectations

# Relative and absolute tolerance by dtype, as in torch.testing, whose import takes seconds.
TOLERANCES = {
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
}


def expect(condition: bool, message: str) -> None:
    """Fail with the message unless the condition holds."""
    if not condition:
        raise Mismatch(textwrap.indent(message, "  "))


def expect_equal(actual: object, expected: Any) -> None:
    """Fail unless a shape, whole number, string or list is exactly the expected one."""
    actual = plain(actual)
    if isinstance(actual, torch.Tensor) and actual.ndim == 0:
        actual = actual.item()
    if isinstance(actual, torch.Size):
        actual, expected = tuple(actual), tuple(expected)
    if type(actual) is not type(expected) or actual != expected:
        raise Mismatch(_compare(inspect.currentframe(), _show(actual), _show(expected)))


def expect_close(
    actual: Any, expected: Any, *, rtol: float | None = None, atol: float | None = None
) -> None:
    """Fail unless a tensor or number has the expected shape, dtype and values.

    Args:
        actual: the student's result.
        expected: a tensor, a number or nested lists. The dtype is compared only
            if this is a tensor; else any real numbers will do, but no truth values.
        rtol, atol: relative and absolute tolerance; by default those of TOLERANCES.
    """
    caller = inspect.currentframe()
    actual = plain(actual)
    if isinstance(actual, (int, float)) and not isinstance(actual, bool):
        actual = torch.tensor(actual, dtype=torch.float64)
    returned, wanted = actual, expected
    if not isinstance(expected, torch.Tensor):
        wanted = torch.tensor(expected, dtype=torch.float64)
        if dtype := _dtype_to_compare_in(actual):
            actual, wanted = actual.to(dtype), wanted.to(dtype)
    if not isinstance(actual, torch.Tensor):
        raise Mismatch(_compare(caller, _show(returned), _show(wanted)))
    if actual.shape != wanted.shape or actual.dtype != wanted.dtype:
        raise Mismatch(_compare(caller, _show(returned), _show(wanted)))
    default_rtol, default_atol = TOLERANCES.get(wanted.dtype, (0.0, 0.0))
    actual = actual.to(wanted.device)
    close = torch.isclose(
        actual,
        wanted,
        rtol=default_rtol if rtol is None else rtol,
        atol=default_atol if atol is None else atol,
    )
    if not close.all():
        text = _compare(caller, _show(returned), _show(wanted))
        raise Mismatch(text + _first_difference(actual, wanted, close))


def _dtype_to_compare_in(result: object) -> torch.dtype | None:
    """Return the dtype in which real numbers are compared with what has no dtype of its own.

    It can hold what is expected, and is precise: as an integer 0.5 would be 0, as bool True.
    """
    if not isinstance(result, torch.Tensor) or result.dtype is torch.bool or result.is_complex():
        return None
    if result.is_floating_point():
        return torch.promote_types(result.dtype, torch.float32)
    return torch.float64


def _first_difference(actual: torch.Tensor, wanted: torch.Tensor, close: torch.Tensor) -> str:
    if actual.ndim == 0:
        return ""
    wrong = (~close).nonzero()
    place = tuple(wrong[0].tolist())
    where = ", ".join(map(str, place))
    return (
        f"\n  {len(wrong)} of {actual.numel()} entries differ; the first is [{where}]: "
        f"{actual[place].item():.6g}, expected {wanted[place].item():.6g}"
    )


def _compare(frame: FrameType | None, returned: str, expected: str) -> str:
    call = _argument(frame.f_back) if frame and frame.f_back else ""
    lines = [f"  {call}"] if call else []
    return "\n".join([*lines, f"    returned  {returned}", f"    expected  {expected}"])


def _argument(frame: FrameType, number: int = 0) -> str:
    """Return the source text of one argument of the call that the frame is making."""
    source = _source_of_current_call(frame.f_code, frame.f_lasti)
    try:
        call = ast.parse(textwrap.dedent(source).strip(), mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(call, ast.Call) or len(call.args) <= number:
        return ""
    return ast.unparse(call.args[number])


def _source_of_current_call(code: CodeType, instruction: int) -> str:
    positions = list(code.co_positions())[instruction // 2]
    first, last, start, end = positions
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(code.co_filename, number) for number in range(first, last + 1)]
    # Columns count UTF-8 bytes.
    encoded = [line.encode() for line in lines]
    encoded[-1] = encoded[-1][:end]
    encoded[0] = encoded[0][start:]
    return b"".join(encoded).decode()


def _show(value: object) -> str:
    """Describe a value in one line, shape and dtype first."""
    if not isinstance(value, torch.Tensor):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    dtype = str(value.dtype).removeprefix("torch.")
    if value.ndim == 0:
        return f"the number {value.item():.6g} ({dtype}, shape ())"
    text = f"a tensor of shape {tuple(value.shape)}, {dtype}"
    if value.numel() <= 8:
        rounded = torch.round(value.detach().cpu().double(), decimals=4)
        text += f": {rounded.tolist()}"
    return text


# ----------------------------------------------------------------------------- by hand

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
