"""Expectations that hidden checks of several notebooks share."""

import torch

from autograder.inside.student.course_helper import (
    StudentRaised,
    builtin_name,
    expect,
    expect_equal,
    inside,
    is_stub,
    numbers,
)


def numbers64(*shape: int, seed: int) -> torch.Tensor:
    """Return standard normal numbers in double precision."""
    return numbers(*shape, seed=seed, dtype=torch.float64)


def seeded(seed: int):
    """Return a generator in the student's process."""
    return inside("torch.Generator")().manual_seed(seed)


def sgd(*models, lr: float):
    """Return plain gradient descent for one or several models, in the student's process."""
    parameters = [p for model in models for p in model.parameters()]
    return inside("torch.optim.SGD")(parameters, lr=lr)


def expect_device_of_input(function, *arguments) -> None:
    """Fail unless the function's result lies on the device of the tensors that go in.

    It needs no second device: new tensors go to the meta device unless the code says
    where, and the arguments are on the CPU. A tensor cannot be moved away from the meta
    device, though, as in ``torch.eye(3).to(x.device)``; if that raises, the arguments go
    to the meta device instead and new tensors to the CPU.
    """
    inside("torch.set_default_device")("meta")
    # This process may have been taught to take no notice.
    heard = inside("torch.empty")(0).device == torch.device("meta")
    try:
        device, expected = function(*arguments).device, torch.device("cpu")
    except Exception:
        device = None
    finally:
        inside("torch.set_default_device")(None)
    expect(heard, "torch.set_default_device had no effect")
    if device is None:
        on_meta = [
            inside("torch.empty_like")(value, device="meta")
            if isinstance(value, torch.Tensor)
            else value
            for value in arguments
        ]
        device, expected = function(*on_meta).device, torch.device("meta")
    expect_equal(device, expected)


def expect_raises(kind: str, function, *arguments, **keywords) -> None:
    """Fail unless the call raises a built-in exception of this name, such as ValueError."""
    raised = "nothing"
    try:
        function(*arguments, **keywords)
    except StudentRaised as error:  # in another process
        raised = error.failure.error
    except Exception as error:
        if is_stub(error):
            raise
        raised = builtin_name(error)
    expect(raised == kind, f"it raised {raised}, expected {kind}")
