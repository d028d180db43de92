"""What checks run in the student's process through ``course_helper.inside``.

What has to be in that process, and loops: a thousand operations are one call there, and a
thousand calls from the other process.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch


class Elsewhere(torch.Tensor):
    """A tensor that behaves as if it lay on another device until it is moved."""

    MOVES = ("to", "cpu", "type_as")
    HARMLESS = ("__get__", "__len__", "size", "dim", "numel", "__repr__", "is_floating_point")

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            name = getattr(function, "__name__", "")
            if name not in cls.MOVES + cls.HARMLESS:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices"
                )
            result = function(*args, **(kwargs or {}))
        return result.as_subclass(torch.Tensor) if name in cls.MOVES else result


def elsewhere(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor as one that has to be moved to the model's device."""
    return tensor.as_subclass(Elsewhere)


def average_with_itself(value: Any, times: int) -> Any:
    """Return the value after taking its mean with itself so many times, two products each."""
    for _ in range(times):
        value = value * 0.5 + value * 0.5
    return value
