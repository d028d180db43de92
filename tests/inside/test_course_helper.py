"""The students' helper: what a check says when it fails, limits, and drawing aids."""

import concurrent.futures
import contextlib
import functools
import os
import sys
import threading
import time
import types
import warnings

import pytest
import torch
from scipy import ndimage
from torch.utils import _python_dispatch

from autograder.inside.student import course_helper
from autograder.inside.student.course_helper import (
    CheckFailed,
    Mismatch,
    NotWrittenYet,
    TimeLimit,
    check,
    expect_close,
    expect_equal,
    expect_written_by_hand,
    library_calls,
    numbers,
    run_check,
    time_limit,
    waits_for,
)


def mean_of(x):
    return x.sum(0)


def mismatch(call) -> str:
    with pytest.raises(Mismatch) as caught:
        call()
    return str(caught.value)


def test_a_failure_says_what_was_called_what_came_back_and_what_was_expected():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    text = mismatch(lambda: expect_close(mean_of(x), torch.tensor([2.0, 3.0])))
    assert text == (
        "  mean_of(x)\n"
        "    returned  a tensor of shape (2,), float32: [4.0, 6.0]\n"
        "    expected  a tensor of shape (2,), float32: [2.0, 3.0]\n"
        "  2 of 2 entries differ; the first is [0]: 4, expected 2"
    )


def test_shape_and_dtype_come_before_values():
    text = mismatch(lambda: expect_close(numbers(3, 4, seed=1), torch.zeros(3, 1)))
    assert "shape (3, 4), float32\n" in text
    assert "shape (3, 1), float32" in text
    text = mismatch(lambda: expect_close(torch.zeros(2), torch.zeros(2, dtype=torch.float64)))
    assert "float32: [0.0, 0.0]\n" in text and "float64" in text


def test_numbers_compare_with_tensors_and_none_is_shown():
    expect_close(torch.tensor(2.5), 2.5)
    expect_close(2.5, 2.5)
    assert "returned  None" in mismatch(lambda: expect_close(None, 2.5))
    assert "shape (1,)" in mismatch(lambda: expect_close(torch.tensor([2.5]), 2.5))


def test_a_number_is_not_rounded_to_the_dtype_of_the_result():
    expect_close(torch.tensor(3), 3.0)
    expect_close(torch.tensor([1, 2], dtype=torch.uint8), [1, 2])
    for actual, expected in (
        (torch.tensor(0), 0.5625),
        (torch.tensor(2), 2.9),
        (torch.tensor(True), 0.5625),
        (torch.tensor([True, True]), [1, 1]),
        (True, 1),
        (torch.tensor(0.5, dtype=torch.bfloat16), 0.503),
    ):
        mismatch(lambda a=actual, e=expected: expect_close(a, e))
    text = mismatch(lambda: expect_close(torch.tensor(0), 0.5625))
    assert "returned  the number 0 (int64, shape ())" in text
    assert "expected  the number 0.5625" in text


def test_a_single_wrong_entry_is_enough():
    wanted = numbers(50, 50, seed=2)
    actual = wanted.clone()
    actual[31, 7] += 1e-2
    assert "1 of 2500 entries differ; the first is [31, 7]" in mismatch(
        lambda: expect_close(actual, wanted)
    )
    actual[31, 7] = float("nan")
    assert "the first is [31, 7]: nan" in mismatch(lambda: expect_close(actual, wanted))


def test_tolerance_follows_the_dtype():
    expect_close(torch.tensor([1.0 + 1e-6]), torch.tensor([1.0]))
    one = torch.tensor([1.0], dtype=torch.float64)
    mismatch(lambda: expect_close(one + 1e-6, one))
    expect_close(one + 1e-3, one, rtol=1e-2)


def test_expect_equal_compares_type_and_value():
    expect_equal(torch.Size([2, 3]), (2, 3))
    expect_equal(torch.tensor(3), 3)
    for actual, expected in ((True, 1), (1.0, 1), ("a", "b"), ([1], (1,))):
        mismatch(lambda a=actual, e=expected: expect_equal(a, e))


def run_in(namespace: dict, body: str) -> None:
    """Define and run a public check of `half` in a namespace, as a notebook cell does."""
    namespace |= {"check": check, "expect_close": expect_close, "torch": torch}
    source = f'@check("half", points=2, hint="Divide by two.")\ndef halves(half):\n{body}'
    exec(source, namespace)


def test_a_passed_public_check_says_so(capsys):
    run_in({"half": lambda x: x / 2}, "    expect_close(half(3.0), 1.5)")
    assert capsys.readouterr().out == "✓ half: halves (2 of 2 points)\n"


@pytest.mark.parametrize(
    ("half", "kind", "parts"),
    [
        (lambda x: x, CheckFailed, ["✗ half: halves (0 of 2 points)", "Hint: Divide by two."]),
        (lambda x: x // 0, CheckFailed, ["ZeroDivisionError", "Hint: Divide by two."]),
        (lambda x: sys.exit(), CheckFailed, ["SystemExit"]),
    ],
)
def test_a_failed_public_check_teaches_in_few_lines(half, kind, parts):
    with pytest.raises(kind) as caught:
        run_in({"half": half}, "    expect_close(half(3.0), 1.5)")
    shown = caught.value._render_traceback_()
    assert all(part in "\n".join(shown) for part in parts)
    assert len(shown) <= 8


def test_long_lines_are_wrapped_for_the_screen_and_whole_in_the_message():
    hint = "word " * 40
    error = CheckFailed(f"✗ half\n  returned  3\nHint: {hint}")
    shown = error._render_traceback_()
    assert shown[:2] == ["✗ half", "  returned  3"]
    assert max(map(len, shown)) <= 88
    assert " ".join("".join(shown[2:]).split()).count("word") == 40
    assert hint in str(error)


def test_an_exercise_that_is_missing_or_a_stub_is_no_failure_of_understanding():
    def half(x):
        raise NotImplementedError("half is not written yet.")

    for namespace, text in (({}, "half is not defined."), ({"half": half}, "not written yet.")):
        with pytest.raises(NotWrittenYet, match=text) as caught:
            run_in(namespace, "    expect_close(half(3.0), 1.5)")
        assert "Hint" not in str(caught.value)


def test_warnings_and_stderr_do_not_fail_a_check(capsys):
    def half(x):
        warnings.warn("harmless", stacklevel=1)
        print("progress", file=sys.stderr)
        return x / 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_in({"half": half}, "    expect_close(half(3.0), 1.5)")
    assert capsys.readouterr().err == ""


def test_every_check_starts_from_the_same_seed():
    drawn = []
    for _ in range(2):
        torch.rand(3)
        assert run_check(lambda draw: drawn.append(draw()), {"draw": lambda: torch.rand(2)}) is None
    assert torch.equal(*drawn)


def test_an_endless_loop_ends():
    def spin():
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    failure = run_check(lambda spin: spin(), {"spin": spin}, seconds=0.2)
    assert failure.kind == "timeout"


def test_who_waits_for_a_core_is_not_late():
    computing = time.process_time()
    with pytest.raises(TimeLimit), time_limit(0.2, 5):
        time.sleep(0.5)  # as when another program has the core
        while True:
            pass
    assert time.process_time() - computing > 0.15
    began = time.monotonic()
    with pytest.raises(TimeLimit), time_limit(0.1, 0.4):
        time.sleep(5)
    assert time.monotonic() - began < 3


def test_limits_nest_and_the_outer_one_waits():
    with pytest.raises(TimeLimit), time_limit(0.3):
        with contextlib.suppress(TimeLimit), time_limit(0.4):
            time.sleep(5)
        time.sleep(5)
    time.sleep(0.4)  # nothing is left armed


def test_waits_for_swallows_only_what_is_not_written(capsys):
    with waits_for("half"):
        raise NotImplementedError("half is not written yet.")
    with waits_for("half"):
        half(3)  # noqa: F821
    assert capsys.readouterr().out.count("This cell waits for half.") == 2
    with pytest.raises(NameError), waits_for("half"):
        other(3)  # noqa: F821
    with pytest.raises(NotImplementedError), waits_for("half"):
        raise NotImplementedError('"mean" not implemented for Long')  # as torch does
    with pytest.raises(ZeroDivisionError), waits_for("half"):
        1 / 0  # noqa: B018


def test_play_draws_once_where_widgets_do_not_run(monkeypatch, capsys):
    drawn = []
    monkeypatch.setenv("COURSE_STATIC_FIGURES", "1")
    course_helper.play(lambda width: drawn.append(width), width=(3, 1, 9, 1))
    assert (drawn, capsys.readouterr().out) == ([3], "")
    monkeypatch.delenv("COURSE_STATIC_FIGURES")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    course_helper.play(lambda width: drawn.append(width), width=(4, 1, 9, 1))
    course_helper.play(lambda kind: drawn.append(kind), kind=["first", "second"])
    assert drawn == [3, 4, "first"]
    assert "ipywidgets" in capsys.readouterr().out


def test_play_shows_a_slider_for_numbers_and_a_menu_for_choices(monkeypatch):
    import ipywidgets

    monkeypatch.delenv("COURSE_STATIC_FIGURES", raising=False)
    shown = {}
    monkeypatch.setattr(ipywidgets, "interact", lambda draw, **widgets: shown.update(widgets))
    course_helper.play(print, depth=(3, 1, 9, 1), rate=(0.5, 0.0, 1.0, 0.1), init=["he", "zero"])
    kinds = [type(widget).__name__ for widget in shown.values()]
    assert kinds == ["IntSlider", "FloatSlider", "Dropdown"]
    assert [widget.value for widget in shown.values()] == [3, 0.5, "he"]
    assert (shown["depth"].min, shown["depth"].max, shown["depth"].step) == (1, 9, 1)
    assert shown["init"].options == ("he", "zero")


def test_the_palette_is_told_apart_by_dashes_too():
    import matplotlib.pyplot as plt

    course_helper.use_course_style()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len(set(cycle["color"])) == 8
    assert len({str(dash) for dash in cycle["linestyle"][:7]}) == 7


IMAGE, KERNEL = torch.ones(1, 1, 5, 5), torch.ones(1, 1, 2, 2)


POOL = concurrent.futures.ThreadPoolExecutor(1)


@torch.jit.script
def pools(x):
    return torch.max_pool2d(x, 2)


def pools_unwatched():
    sys.setprofile(None)
    return torch.max_pool2d(IMAGE, 2)


def pools_if_unwatched():
    return IMAGE if sys.getprofile() else torch.max_pool2d(IMAGE, 2)


def pools_in_a_thread():
    return POOL.submit(torch.max_pool2d, IMAGE, 2).result()


def pools_in_a_process():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return IMAGE


def differentiates():
    x = torch.ones(3, requires_grad=True)
    (x * x).sum().backward()


# No profiler sees what a partial of a function of C calls.
CONVOLVE = functools.partial(torch.nn.functional.conv2d)
RUN_BACKWARD = functools.partial(torch.autograd.Variable._execution_engine.run_backward)
MAXIMUM = ["maximum_filter", "maximum_filter1d"]
POPS = ["_pop_mode", "_pop_torch_dispatch_stack"]
UNFOLDED = [1, 1], [0, 0], [1, 1]  # stride, padding and dilation


def convolves_where_no_mode_is():
    with _python_dispatch._disable_current_modes():
        return CONVOLVE(IMAGE, KERNEL)


def convolves_without_the_mode():
    mode = _python_dispatch._pop_mode()
    try:
        return CONVOLVE(IMAGE, KERNEL)
    finally:
        _python_dispatch._push_mode(mode)


def runs_the_engine():
    x = torch.ones(3, requires_grad=True)
    return RUN_BACKWARD((x * x,), (x.detach(),), False, False, (x,), False, accumulate_grad=False)


def renamed(function, **changes):
    code = function.__code__.replace(**changes)
    names = dict(function.__globals__, __name__="own")
    return types.FunctionType(code, names, "helper", function.__defaults__)


@pytest.mark.parametrize(
    ("what", "call", "names"),
    [
        ("convolution", convolves_where_no_mode_is, ["_disable_current_modes", *POPS]),
        ("convolution", convolves_without_the_mode, POPS),
        (
            "convolution",
            lambda: torch.ops.aten.slow_conv_dilated2d(IMAGE, KERNEL, [2, 2], None, *UNFOLDED),
            ["slow_conv_dilated2d"],
        ),
        (
            "convolution",
            lambda: torch.ops.aten._slow_conv2d_forward(IMAGE, KERNEL, [2, 2], None, *UNFOLDED[:2]),
            ["_slow_conv2d_forward"],
        ),
        ("convolution", lambda: torch._convert_indices_from_coo_to_csr(torch.arange(3), 3), []),
        ("pooling", lambda: ndimage.maximum_filter(IMAGE, 2), MAXIMUM),
        ("autograd", runs_the_engine, ["run_backward"]),
        ("PCA", lambda: torch._lowrank._svd_lowrank(torch.ones(3, 3), q=2), ["_svd_lowrank"]),
        (
            "initialisation",
            lambda: renamed(torch.nn.init.dirac_, co_name="xavier_mine")(torch.ones(2, 2, 2)),
            ["xavier_mine"],
        ),
        (
            "initialisation",
            lambda: renamed(torch.nn.init.orthogonal_, co_name="helper")(torch.ones(2, 2), 1),
            ["orthogonal_"],
        ),
        ("convolution", lambda: torch.nn.functional.conv2d(IMAGE, KERNEL), ["conv2d"]),
        ("convolution", lambda: torch.nn.Conv2d(1, 1, 2)(IMAGE), ["conv2d"]),
        ("convolution", lambda: torch.ops.aten.conv2d(IMAGE, KERNEL), ["conv2d"]),
        ("convolution", lambda: torch.nn.functional.unfold(IMAGE, 2), []),
        ("pooling", lambda: torch.nn.AvgPool2d(2)(IMAGE), ["avg_pool2d"]),
        ("pooling", lambda: torch.max_pool2d(IMAGE, 2), ["max_pool2d"]),
        ("pooling", lambda: IMAGE.unfold(2, 2, 1).amax(-1), []),
        ("pooling", lambda: pools(IMAGE), ["max_pool2d_with_indices"]),
        ("pooling", lambda: torch.ops.aten.avg_pool2d.default(IMAGE, 2), ["avg_pool2d"]),
        ("pooling", pools_unwatched, ["setprofile"]),
        ("pooling", pools_if_unwatched, ["getprofile"]),
        ("pooling", pools_in_a_process, ["fork"]),
        ("autograd", differentiates, ["run_backward"]),
        ("autograd", lambda: torch.func.grad(torch.sum)(IMAGE), ["run_backward"]),
        ("autograd", lambda: torch.nn.Linear(5, 2)(IMAGE), []),
        ("initialisation", lambda: torch.nn.init.orthogonal_(torch.ones(2, 2)), ["orthogonal_"]),
        ("batch normalisation", lambda: torch.nn.BatchNorm2d(1)(IMAGE), ["batch_norm"]),
    ],
)
def test_library_calls_are_noticed_as_they_run(what, call, names):
    assert list(dict.fromkeys(library_calls(what, call))) == names


def test_work_in_another_thread_is_noticed():
    assert library_calls("pooling", pools_in_a_thread)[0] == "submit"


@contextlib.contextmanager
def a_thread(target, *arguments):
    """A thread that is at work while the block runs; its last argument tells it to end."""
    end = threading.Event()
    thread = threading.Thread(target=target, args=(*arguments, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


NOTEBOOKS_THREAD = """
def works(questions, answers, end):
    while not end.is_set():
        if questions:
            answers.append(helper(questions.pop()))
        sleep(0.001)

def pools(image):
    questions.append(image)
    while not answers:
        pass
    return answers.pop()
"""


def test_a_thread_of_the_notebooks_own_that_waits_for_work_is_noticed():
    lists = {"questions": [], "answers": []}
    notebook = {**lists, "helper": torch.nn.MaxPool2d(2), "sleep": time.sleep}
    exec(NOTEBOOKS_THREAD, notebook)
    with a_thread(notebook["works"], *lists.values()):
        (called,) = library_calls("pooling", notebook["pools"], IMAGE)
    assert called == "functions out of sight (works runs in another thread)"
    assert library_calls("pooling", torch.abs, IMAGE) == []


def test_a_thread_of_a_librarys_is_no_students():
    with a_thread(lambda end: end.wait()), a_thread(threading.Event.wait):
        assert POOL.submit(int).result() == 0
        assert library_calls("pooling", torch.abs, IMAGE) == []


def test_a_function_of_the_same_name_that_a_student_wrote_is_no_library_call():
    def convolve2d(image):
        return conv2d_relu(image.flip(-1))

    def conv2d_relu(image):
        return image.relu()

    expect_written_by_hand("convolution", convolve2d, IMAGE)
    text = mismatch(lambda: expect_written_by_hand("convolution", torch.conv2d, IMAGE, KERNEL))
    assert text == ("  torch.conv2d calls the library's conv2d.\n  Write the convolution yourself.")
