"""Plain data as JSON, for the pipe between a trusted process and a student's process.

Only plain data crosses as values: None, booleans, numbers, strings, lists, tuples,
dictionaries with string keys, dtypes, devices, and tensors that record no gradient.
Nothing is pickled, so a hostile sender can send wrong values but no code. Everything
else crosses as the number of a handle; the two ends decide what a handle stands for.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeGuard

import torch

from autograder.inside.limits import VALUE_BYTES, VALUE_ITEMS

Message: TypeAlias = dict[str, Any]  # as JSON has it: what is in it, only its parts tell
MOST_DIMENSIONS, MOST_SIZE = 64, 1 << 63  # of a tensor's shape
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    )
}


def is_plain_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """Tell whether a value is a dense tensor, of no subclass, that records no gradient."""
    return (
        type(value) is torch.Tensor
        and not value.requires_grad
        and value.layout == torch.strided
        and value.device.type != "meta"
        and str(value.dtype).removeprefix("torch.") in DTYPES
    )


def pack_tensor(tensor: torch.Tensor) -> Message:
    """Return the JSON form of a tensor of any device, without its graph."""
    flat = tensor.detach().as_subclass(torch.Tensor).cpu().contiguous().flatten()
    data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return {
        "tensor": base64.b64encode(data).decode(),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
    }


def unpack_tensor(packed: Message) -> torch.Tensor:
    """Return the tensor of a JSON form, which takes no more bytes than the form.

    Raises:
        ValueError: the form is none that pack_tensor makes.
    """
    if not isinstance(packed, dict) or packed.keys() != {"tensor", "dtype", "shape"}:
        raise ValueError("no such form of a tensor")
    text, name, shape = packed["tensor"], packed["dtype"], packed["shape"]
    dtype = DTYPES.get(name) if isinstance(name, str) else None
    if dtype is None or not isinstance(text, str) or not _is_shape(shape):
        raise ValueError("no such form of a tensor")
    data = bytearray(base64.b64decode(text))
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("the data of a tensor do not fit its shape and dtype")
    try:
        if not data:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(shape)
    except RuntimeError:
        raise ValueError("no tensor has such a shape") from None


def _is_shape(shape: object) -> bool:
    """Tell whether a JSON form can be a tensor's shape; huge numbers are not multiplied."""
    return (
        isinstance(shape, list)
        and len(shape) <= MOST_DIMENSIONS
        and all(type(size) is int and 0 <= size < MOST_SIZE for size in shape)
    )


def refuse_large(value: object) -> None:
    """Refuse a value that nobody should wait for, before any of it is encoded.

    Raises:
        ValueError: it is too large; what holds itself is without end.
    """
    items, size = 0, 0
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        items += 1
        if type(each) in (list, tuple, torch.Size):
            waiting.extend(each)
        elif type(each) is dict:
            waiting.extend(each.values())
        elif type(each) is str:
            size += len(each)
        elif type(each) is int:
            size += each.bit_length() // 8
        elif is_plain_tensor(each):
            size += each.numel() * each.element_size()
        if items + len(waiting) > VALUE_ITEMS or size > VALUE_BYTES:
            raise ValueError(
                f"the result is too large to look at: more than {VALUE_ITEMS:,} items or "
                f"{VALUE_BYTES >> 20} MB of tensors"
            )


def _ignore(tensor: torch.Tensor) -> None:
    """The default of encode and decode: nobody wants to know which tensors crossed."""


def encode(
    value: Any,
    to_handle: Callable[[object], int],
    saw_tensor: Callable[[torch.Tensor], object] = _ignore,
) -> Any:
    """Return the JSON form of a value.

    Args:
        value: any object.
        to_handle: gives the number of a handle for what is not plain.
        saw_tensor: called with every tensor that crosses as a value, in order.
    """
    if value is None or isinstance(value, bool) or type(value) in (int, str):
        return value
    if type(value) is float:
        return {"float": repr(value)}
    if is_plain_tensor(value):
        saw_tensor(value)
        return pack_tensor(value)
    if type(value) in (list, tuple, torch.Size):
        items = [encode(item, to_handle, saw_tensor) for item in value]
        return {type(value).__name__: items}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: encode(item, to_handle, saw_tensor) for key, item in value.items()}}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    return {"handle": to_handle(value)}


def decode(
    packed: object,
    from_handle: Callable[[int], object],
    saw_tensor: Callable[[torch.Tensor], object] = _ignore,
) -> Any:
    """Return the value of a JSON form.

    Args:
        packed: what encode returned.
        from_handle: gives the object of a handle's number.
        saw_tensor: called with every tensor that crossed as a value, in order.

    Raises:
        ValueError: the form is none that encode makes.
    """
    try:
        return _decode(packed, from_handle, saw_tensor)
    except RecursionError:
        raise ValueError("a form nested too deeply") from None


def _decode(
    packed: object,
    from_handle: Callable[[int], object],
    saw_tensor: Callable[[torch.Tensor], object],
) -> object:
    """Do as decode says, unless the form is nested too deeply.

    Raises:
        RecursionError: it is.
        ValueError: the form is none that encode makes.
    """
    if packed is None or isinstance(packed, (bool, int, str)):
        return packed
    if isinstance(packed, dict) and "tensor" in packed:
        tensor = unpack_tensor(packed)
        saw_tensor(tensor)
        return tensor
    if not isinstance(packed, dict) or len(packed) != 1:
        raise ValueError(f"no such form: {packed!r:.80}")
    ((kind, body),) = packed.items()
    if kind in ("list", "tuple") and isinstance(body, list):
        items = [_decode(item, from_handle, saw_tensor) for item in body]
        return items if kind == "list" else tuple(items)
    if kind == "Size" and _is_shape(body):
        return torch.Size(body)
    if kind == "dict" and isinstance(body, dict):
        return {key: _decode(item, from_handle, saw_tensor) for key, item in body.items()}
    if kind == "float" and isinstance(body, str):
        return float(body)
    if kind == "dtype" and isinstance(body, str) and body in DTYPES:
        return DTYPES[body]
    if kind == "device" and isinstance(body, str):
        return _device(body)
    if kind == "handle" and type(body) is int:
        return from_handle(body)
    raise ValueError(f"no such form: {kind!r:.80}")


def _device(name: str) -> torch.device:
    try:
        return torch.device(name)
    except RuntimeError:
        raise ValueError(f"no such device: {name!r:.80}") from None


def dumps(message: Message) -> bytes:
    """Return a message of JSON forms as bytes."""
    return json.dumps(message).encode()


def loads(data: bytes) -> Any:
    """Return the message of these bytes."""
    return json.loads(data)
