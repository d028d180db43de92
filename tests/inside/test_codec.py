"""Whatever a hostile process sends, decoding gives plain data of no greater size, or ValueError."""

import base64
import json
import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.inside import codec

HOSTILE = settings(derandomize=True, deadline=None, max_examples=300)
NAMES = (*codec.DTYPES, "complex64", "float", "")
KINDS = ("list", "tuple", "Size", "dict", "float", "dtype", "device", "handle", "tensor", "", "x")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*NAMES, "cpu", "cuda:99", "nan", "1e999", 2**63, 10**400, "\ud800", "\0"]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(KINDS) | st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=12,
)
sizes = st.one_of(st.integers(-2, 5), st.sampled_from([2**31, 2**62, 2**63, 10**4000, True, 1.0]))
tensors = st.fixed_dictionaries(
    {
        "tensor": st.binary(max_size=48).map(lambda data: base64.b64encode(data).decode())
        | st.text(max_size=9)
        | anything,
        "dtype": st.sampled_from(NAMES) | anything,
        "shape": st.lists(sizes, max_size=4) | anything,
    },
    optional={"more": anything},
)
forms = st.recursive(
    st.one_of(scalars, tensors, anything),
    lambda inner: st.one_of(
        st.dictionaries(
            st.sampled_from(KINDS), st.lists(inner, max_size=4), min_size=1, max_size=2
        ),
        st.builds(
            lambda body: {"dict": body}, st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        st.dictionaries(st.sampled_from(KINDS), inner, min_size=1, max_size=1),
    ),
    max_leaves=8,
)


def check_plain(value, handles):
    """Check that a decoded value is made of nothing but what may cross."""
    if type(value) in (list, tuple, torch.Size):
        for each in value:
            check_plain(each, handles)
    elif type(value) is dict:
        assert all(type(key) is str for key in value)
        for each in value.values():
            check_plain(each, handles)
    elif type(value) is torch.Tensor:
        assert codec.is_plain_tensor(value)
    else:
        allowed = (type(None), bool, int, float, str, torch.dtype, torch.device)
        assert type(value) in allowed or value in handles


@HOSTILE
@given(forms)
@example({"Size": [2**70]})
@example({"Size": [None]})
@example({"list": 3})
@example({"dict": [1]})
@example({"float": [1]})
@example({"float": 10**400})
@example({"dtype": "complex64"})
@example({"dtype": []})
@example({"device": "nowhere"})
@example({"device": 3})
@example({})
@example(1.5)
def test_a_form_is_plain_data_or_a_value_error(form):
    handles, seen = [], []

    def from_handle(number):
        assert type(number) is int
        handles.append(object())
        return handles[-1]

    try:
        value = codec.decode(form, from_handle, seen.append)
    except ValueError:
        return
    check_plain(value, handles)
    held = sum(tensor.numel() * tensor.element_size() for tensor in seen)
    assert held <= len(json.dumps(form))


def test_a_form_that_is_nested_too_deeply_is_a_value_error():
    form = 1
    for _ in range(100_000):
        form = {"list": [form]}
    with pytest.raises(ValueError, match="nested too deeply"):
        codec.decode(form, pytest.fail)


@HOSTILE
@given(tensors | anything)
@example({"tensor": "", "dtype": "float32", "shape": [-1, 0]})
@example({"tensor": "", "dtype": "float32", "shape": [0, 2**62, 2**62]})
@example({"tensor": "", "dtype": "float32", "shape": [0, 2**63]})
@example({"tensor": "", "dtype": "float32", "shape": [10**4000] * 50_000})
@example({"tensor": "AAAA", "dtype": "uint8", "shape": [-1]})
@example({"tensor": "AAAA", "dtype": "uint8", "shape": [3.0]})
@example({"tensor": "AAAA", "dtype": "float32", "shape": [1]})
@example({"tensor": "\xe9", "dtype": "float32", "shape": []})
@example({"tensor": [], "dtype": "float32", "shape": []})
@example({"tensor": "AAAA", "dtype": [], "shape": []})
@example({"tensor": "AAAA"})
def test_a_tensor_has_the_shape_it_says_and_the_bytes_it_brought(packed):
    try:
        tensor = codec.unpack_tensor(packed)
    except ValueError:
        return
    assert codec.is_plain_tensor(tensor)
    assert list(tensor.shape) == packed["shape"]
    assert tensor.dtype == codec.DTYPES[packed["dtype"]]
    size = math.prod(tensor.shape) * tensor.element_size()
    assert size == len(base64.b64decode(packed["tensor"]))


plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([*codec.DTYPES.values(), torch.device("cpu"), torch.Size([2, 3])]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=6) | st.sampled_from(KINDS), inner, max_size=3),
    ),
    max_leaves=12,
)


@HOSTILE
@given(plain)
def test_what_is_encoded_is_decoded_as_it_was(value):
    form = codec.loads(codec.dumps({"value": codec.encode(value, pytest.fail)}))["value"]
    back = codec.decode(form, pytest.fail)
    assert type(back) is type(value) and repr(back) == repr(value)


@HOSTILE
@given(
    st.sampled_from(list(codec.DTYPES.values())),
    st.lists(st.integers(0, 3), max_size=4),
    st.booleans(),
)
def test_tensors_of_all_shapes_come_back(dtype, shape, turned):
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    tensor = tensor.transpose(0, -1) if turned and shape else tensor
    back = codec.decode(codec.encode(tensor, pytest.fail), pytest.fail)
    assert back.dtype == dtype and back.shape == tensor.shape and torch.equal(back, tensor)
