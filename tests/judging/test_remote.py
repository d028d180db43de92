"""Checks judged in this process while the student's objects live in another one."""

import math
import os
import time

import pytest
import torch

import autograder.judging.session
from autograder.checks import check
from autograder.inside import codec
from autograder.inside.student.course_helper import (
    THIS_PROCESS,
    StudentRaised,
    TimeLimit,
    expect,
    expect_close,
    expect_equal,
    inside,
    numbers,
    parameter,
    plain,
    student_side,
)
from autograder.judging.judge import judge
from autograder.judging.sandbox.fork_client import warm_agents
from autograder.judging.session import StudentGone, StudentProcess
from tests.support.course import ROOT

STUDENT = """
import os, time
import torch
from torch import nn

process = os.getpid

def double(x):
    return 2 * x

def double_in_place(x):
    x *= 2

def grow_in_place(x):
    x.resize_(2, 2).fill_(1)

def fail(x):
    raise ValueError(f"bad {x}")

def stub():
    raise NotImplementedError("stub is not written yet.")

def loop():
    while True:
        pass

def huge(kind):
    if kind == "within itself":
        values = []
        values.append(values)
        return values
    return {
        "list": lambda: [[number] * 10 for number in range(30_000)],
        "tensor": lambda: torch.zeros(1).expand(1 << 20, 1 << 20),
        "text": lambda: ["x" * 30_000_000],
        "number": lambda: {"a": 1 << (1 << 30)},
    }[kind]()

def leave():
    os._exit(3)

def quit_politely():
    raise SystemExit

def count_up(n):
    yield from range(n)

class Line(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 1)

    def forward(self, x):
        return self.linear(x)
"""


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """Else each process imports torch anew; test_grade.py has the way without a fork server."""
    with warm_agents(ROOT / "data"):
        yield


@pytest.fixture
def session():
    with StudentProcess(call_seconds=2.0) as opened:
        assert opened.execute(STUDENT, 10)
        token = student_side.set(opened)
        yield opened
        student_side.reset(token)


VALUES = [
    None,
    True,
    7,
    -2.5,
    math.inf,
    "text with ünicode",
    [1, (2.0, "x"), {"key": None}],
    torch.float64,
    torch.device("cpu"),
    torch.Size([2, 3]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_cross_unchanged(value):
    packed = codec.loads(codec.dumps({"v": codec.encode(value, pytest.fail)}))["v"]
    back = codec.decode(packed, pytest.fail)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("dtype", codec.DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (1, 2, 3)], ids=str)
def test_tensors_cross_bit_by_bit(dtype, shape):
    tensor = (10 * numbers(*shape, seed=1)).to(dtype).flip(-1 if shape else ())
    packed = codec.loads(codec.dumps({"v": codec.encode(tensor, pytest.fail)}))["v"]
    back = codec.decode(packed, pytest.fail)
    assert back.dtype == dtype
    assert back.shape == tensor.shape
    assert torch.equal(back, tensor)


@pytest.mark.parametrize("form", [{}, {"python/object": "os.system"}, {"handle": "0"}, [1]])
def test_unknown_forms_are_refused(form):
    with pytest.raises(ValueError, match="no such form"):
        codec.decode(form, pytest.fail)


def test_the_students_code_runs_in_another_process(session):
    assert session["process"]() != os.getpid()


def test_a_call_ships_values(session):
    x = numbers(2, 3, seed=2)
    assert torch.equal(session["double"](x), 2 * x)
    assert session["double"]("ab") == "abab"


def test_a_change_in_place_is_seen_by_plain_and_by_later_calls_alone(session):
    x = numbers(2, 3, seed=2)
    original = x.clone()
    session["double"](x)
    assert torch.equal(plain(x), original)
    session["double_in_place"](x)
    assert torch.equal(plain(x), 2 * original)
    assert torch.equal(session["double"](x), 4 * original)
    session["grow_in_place"](x)
    assert torch.equal(plain(x), torch.ones(2, 2))
    assert torch.equal(x, original)  # so no oracle computes with it


def test_modules_stay_there_and_work_by_handle(session):
    model = session["Line"](3)
    out = model(numbers(4, 3, seed=3))
    assert tuple(out.shape) == (4, 1)
    assert plain(out).shape == (4, 1)
    assert len(list(model.parameters())) == 2
    assert [name for name, _ in model.named_parameters()] == ["linear.weight", "linear.bias"]
    (out**2).sum().backward()
    assert model.linear.weight.grad.shape == (1, 3)
    optimizer = inside("torch.optim.SGD")(model.parameters(), lr=0.1)
    before = plain(model.linear.weight)
    optimizer.step()
    assert not torch.equal(plain(model.linear.weight), before)
    model.eval()
    assert model.training is False


def test_parameters_record_gradients_there(session):
    w = parameter([1.0, 2.0])
    ((3 * w).sum() - w[0] / 2).backward()
    assert w.grad.tolist() == [2.5, 3.0]


def test_generators_are_iterated_there(session):
    assert list(session["count_up"](3)) == [0, 1, 2]


def test_an_exception_says_where(session):
    with pytest.raises(StudentRaised) as caught:
        session["fail"](3)
    failure = caught.value.failure
    assert failure.error == "ValueError"
    assert "ValueError: bad 3" in failure.text
    assert 'raise ValueError(f"bad {x}")' in failure.text


def test_a_stub_an_exit_and_a_loop_end_the_call_alone(session):
    with pytest.raises(NotImplementedError, match="stub is not written yet"):
        session["stub"]()
    with pytest.raises(StudentRaised):
        session["quit_politely"]()
    with pytest.raises(TimeLimit):
        session["loop"]()
    assert session["double"](2) == 4


@pytest.mark.parametrize("kind", ["list", "tensor", "text", "number", "within itself"])
def test_what_is_too_large_to_cross_ends_the_call_alone(session, kind):
    with pytest.raises(StudentRaised) as caught:
        session["huge"](kind)
    assert "ValueError: the result is too large to look at" in caught.value.failure.text
    assert session["double"](2) == 4


def test_a_dead_process_is_told(session):
    with pytest.raises(StudentGone):
        session["leave"]()
    with pytest.raises(StudentGone):
        session["double"](2)


HALF_AN_ANSWER = """
import gc, signal, struct, time
from multiprocessing.connection import Connection

for pipe in [thing for thing in gc.get_objects() if isinstance(thing, Connection)]:
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"{")
signal.setitimer(signal.ITIMER_REAL, 0)
time.sleep(3600)
"""
DEAF = """
import time
from multiprocessing.connection import Connection
Connection.recv_bytes = lambda *arguments: time.sleep(3600)
"""


@pytest.mark.skipif(os.name == "nt", reason="a pipe of Windows ends with the process")
@pytest.mark.parametrize("source", [HALF_AN_ANSWER, DEAF], ids=["half an answer", "deaf"])
def test_a_process_that_stops_in_the_middle_of_a_message_is_ended(session, monkeypatch, source):
    monkeypatch.setattr("autograder.judging.session.GRACE_SECONDS", 0.3)
    with pytest.raises(StudentGone):
        session.execute(source, 2)
        session.execute(f"text = {'x' * 3_000_000!r}", 2)
    assert session.gone


@pytest.mark.skipif(os.name == "nt", reason="a pipe of Windows ends with the process")
def test_a_session_is_not_closed_while_its_socket_is_shut_down(session, monkeypatch):
    """Else the number of the closed socket, and with it the end, may be the next session's."""
    locked = []

    def socket_of(connection):
        locked.append(session.ending.locked())
        return remote_socket_of(connection)

    remote_socket_of = autograder.judging.session._socket_of
    monkeypatch.setattr("autograder.judging.session._socket_of", socket_of)
    monkeypatch.setattr("autograder.judging.session.GRACE_SECONDS", 0.3)
    with pytest.raises(StudentGone):
        session.execute(HALF_AN_ANSWER, 2)
        session.execute(f"text = {'x' * 3_000_000!r}", 2)
    until = time.monotonic() + 10
    while not locked and time.monotonic() < until:
        time.sleep(0.05)
    assert locked and all(locked)


def test_an_answer_to_no_request_ends_the_process(session):
    """Else every answer would be taken for that to the next request."""
    source = """
import gc
from multiprocessing.connection import Connection

for pipe in [thing for thing in gc.get_objects() if isinstance(thing, Connection)]:
    pipe.send_bytes(b'{"value": true}')
"""
    with pytest.raises(StudentGone):
        session.execute(source, 2)
        session.execute("1", 2)


FORGED = """
import gc

def forged(request):
    if request["do"] == "call":
        return {"error": "TypeError", "message": "what was seen", "text": "what was seen"}
    return {"value": {"handle": 0}}

for thing in gc.get_objects():
    if type(thing).__name__ == "Agent" and hasattr(thing, "objects"):
        thing.answer = forged
"""


def test_no_text_of_the_process_comes_with_another_exception(session):
    session.execute(FORGED, 2)
    assert session.execute("1", 2) is False
    handle = session.inside("torch.nn.Linear")
    with pytest.raises(TypeError, match=r"^the object has no length$"):
        len(handle)


def test_what_is_not_plain_cannot_be_handed_over(session):
    with pytest.raises(TypeError, match="inside or parameter"):
        session["double"](torch.nn.Linear(1, 1))


@check("double", points=1, hint="Twice.")
def doubles(double):
    x = numbers(2, 3, seed=4)
    expect_close(double(x), 2 * x)


@check("Line", points=1, hint="Two parameters.")
def has_two_parameters(Line):  # noqa: N803
    expect_equal(len(list(Line(3).parameters())), 2)


@check("double", points=1, hint="Thrice.")
def triples(double):
    expect(double(1) == 3, "double(1) is not 3")


@pytest.mark.parametrize("remote", [False, True])
def test_a_check_gives_the_same_verdict_in_both_places(session, remote):
    names = session
    if not remote:
        student_side.set(THIS_PROCESS)
        names = {}
        exec(STUDENT, names)
    assert judge(doubles, names).passed
    assert judge(has_two_parameters, names).passed
    verdict = judge(triples, names)
    assert (verdict.passed, verdict.kind) == (False, "mismatch")
    assert verdict.message == "  double(1) is not 3\nHint: Thrice."
