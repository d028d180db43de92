"""What a submission's process can reach: its own folder, Python, the course's data; no more."""

import os
import time
from pathlib import Path

import pytest

from autograder.inside.student.course_helper import TimeLimit
from autograder.judging.sandbox import fork_client, fork_server, jail
from autograder.judging.session import StudentGone, StudentProcess
from tests.support.course import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.SUPPORTED, reason="there is no fork server here"),
]


@pytest.fixture(scope="module", autouse=True)
def server():
    with fork_client.warm_agents(ROOT / "data"):
        if missing := fork_client.missing_isolation():
            pytest.skip("; ".join(missing))
        yield


def value_of(expression: str, before: str = "pass"):
    """Return what an expression gives in a process of its own, after some statements."""
    with StudentProcess() as session:
        session.execute(f"{before}\nanswer = {expression}", 20)
        return session["answer"]


OUTCOME = """
def outcome(action):
    try:
        return str(action())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.mark.parametrize(
    "place",
    [
        ROOT / "autograder" / "checks",
        ROOT / "autograder" / "judging",
        ROOT / "solutions",
        ROOT / "tests",
        ROOT / "build",
        ROOT / "course.toml",
        Path.home() / ".bashrc",
        Path("/etc/shadow"),
        Path("/sys"),
        Path("/home"),
        Path("/var"),
    ],
)
def test_it_does_not_see(place):
    assert value_of(f"os.path.lexists({str(place)!r})", "import os") is False


def test_it_sees_the_data_and_the_helper():
    assert value_of(f"os.listdir({str(ROOT / 'data')!r})", "import os").count("digits.npz") == 1
    assert value_of("len(load_digits(train=False)[1])", "from course_helper import load_digits") > 0


def test_its_helper_is_the_one_file_that_students_have(course):
    """Also when it is imported again; and its star brings the same names."""
    for statement in ("import course_helper", "importlib.reload(course_helper)"):
        before = f"import importlib, inspect, course_helper\n{statement}"
        assert value_of("inspect.getsource(course_helper)", before) == course.helper
    assert value_of("os.sep", "from course_helper import *") == os.sep


def test_it_works_in_an_empty_folder_and_no_two_share_it():
    listing = "sorted(os.listdir('.'))"
    with StudentProcess() as one, StudentProcess() as two:
        for session in (one, two):
            assert session.execute("import os, tempfile", 10)
        assert one.execute("open('note.txt', 'w').write('mine')", 10)
        assert one.execute("tempfile.NamedTemporaryFile(delete=False)", 10)
        for session in (one, two):
            session.execute(f"answer = {listing}", 10)
        assert "note.txt" in one["answer"]
        assert len(one["answer"]) == len(two["answer"]) + 2


@pytest.mark.parametrize(
    "folder", ["/", "/usr", str(ROOT / "data"), str(ROOT / "autograder" / "inside"), "/dev"]
)
def test_it_writes_nowhere_else(folder):
    found = value_of(f"outcome(lambda: open({folder + '/new'!r}, 'w'))", OUTCOME)
    assert found.startswith(("OSError: [Errno 30]", "PermissionError"))


def test_it_has_no_network():
    connect = "__import__('socket').create_connection(('127.0.0.1', 9), 2)"
    assert "OSError: [Errno 101]" in value_of(f"outcome(lambda: {connect})", OUTCOME)


def test_it_sees_no_other_process_and_no_secret_variable(monkeypatch):
    monkeypatch.setenv("COURSE_SECRET", "hidden")
    numbers = value_of("[name for name in os.listdir('/proc') if name.isdigit()]", "import os")
    assert numbers == ["1"]
    text = value_of(
        "open('/proc/self/environ').read() + ' '.join(os.environ) + open('/proc/mounts').read()",
        "import os",
    )
    assert "COURSE_SECRET" not in text
    assert fork_client.ADDRESS not in text


def test_it_has_no_capability_and_cannot_mount():
    status = value_of("open('/proc/self/status').read()")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    found = value_of("ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None)", "import ctypes")
    assert found == -1


def test_its_processes_are_limited():
    source = """
import os, time
count = 0
try:
    while count < 1000:
        if os.fork() == 0:
            time.sleep(60)
        count += 1
except OSError:
    pass
"""
    assert 0 < value_of("count", source) < jail.PROCESSES


def test_its_disk_is_limited():
    source = f"""
written = 0
try:
    with open("big", "wb") as file:
        while written < {4 * jail.DISK_BYTES}:
            written += file.write(bytes(1 << 20))
except OSError:
    pass
"""
    assert 0 < value_of("written", source) <= jail.DISK_BYTES


def test_its_memory_is_limited():
    found = value_of(f"outcome(lambda: len(bytearray({jail.MEMORY_BYTES + (1 << 24)})))", OUTCOME)
    assert found.startswith("MemoryError")


def test_the_memory_of_all_its_processes_is_limited():
    source = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(b"x") * (600 << 20)
        time.sleep(60)
time.sleep(25)
"""
    with StudentProcess() as session, pytest.raises((StudentGone, TimeLimit)):
        session.execute(source, 30)
        session.request("begin")
    assert session.used.killed == "memory"


@pytest.mark.parametrize(
    "ending", ["os._exit(0)", "os.kill(os.getpid(), 9)", "ctypes.string_at(0)", "os.abort()"]
)
def test_its_end_is_seen_at_once_and_hurts_nobody(ending):
    with StudentProcess() as other, StudentProcess() as session:
        began = time.monotonic()
        with pytest.raises(StudentGone):
            session.execute(f"import ctypes, os, signal\n{ending}\nos._exit(1)", 20)
        assert time.monotonic() - began < 5
        assert other.execute("1 + 1", 10)


def test_what_it_has_used_is_told():
    with StudentProcess() as session:
        session.execute("import time\nwhile time.process_time() < 1:\n    pass", 20)
    assert 0.5 < session.used.cpu_seconds < 20
    assert session.used.peak_bytes > 50 << 20
    assert session.used.killed == ""


def test_a_machine_without_namespaces_says_so(monkeypatch, tmp_path):
    def refuse(*arguments):
        raise OSError("not here")

    monkeypatch.setattr(jail, "enter_cell", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    (line,) = fork_server._enter_jail(ROOT / "data", str(tmp_path))
    assert "network" in line
