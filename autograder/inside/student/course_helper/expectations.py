"""What a check expects of a result, and how it says what came instead."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from types import CodeType, FrameType
from typing import Any

import torch

from autograder.inside.student.course_helper.failures import Mismatch
from autograder.inside.student.course_helper.values import plain

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
