"""Keep a submission's process away from everything but its own folder, with the kernel's means.

Two steps, both of namespaces(7):

* ``enter_room``, once, by the server that forks the processes of submissions: no network, and a
  file system in which only what notebooks need is there, read-only. No hidden check, no solution,
  no gradebook and no other submission is in it.
* ``enter_cell``, once a submission, by a process between the server and the submission's: process
  ids and a writable folder of its own, of limited size. ``lock`` takes the last rights away.

Where a machine does not allow the first or the second, the server says so and leaves it out.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import site
import sys
import sysconfig
from pathlib import Path

from autograder.inside.limits import (
    CPU_SECONDS,
    DISK_BYTES,
    MEMORY_BYTES,
    OPEN_FILES,
    PROCESSES,
)

PACKAGE = Path(__file__).resolve().parents[2]
VISIBLE = ("__init__.py", "inside")  # of this package
NOBODY = 65534
PLACE = "/own"  # the folder of a submission, in its own file system

NEW_MOUNTS, NEW_IPC, NEW_USERS = 0x20000, 0x8000000, 0x10000000
NEW_PROCESSES, NEW_NETWORK, NEW_HOST_NAME = 0x20000000, 0x40000000, 0x4000000
READ_ONLY, NO_SUID, NO_DEV, REMOUNT, BIND, RECURSIVE = 1, 2, 4, 32, 4096, 16384
PRIVATE, DETACH = 1 << 18, 2
SET_PARENT_DEATH_SIGNAL, SET_DUMPABLE, SET_NO_NEW_PRIVILEGES, DROP_BOUNDING = 1, 4, 38, 24
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = ("null", "zero", "full", "random", "urandom")
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/fonts")
SYSTEM_FILES = ("/etc/localtime", "/etc/passwd", "/etc/group", "/etc/alternatives")

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library.

    Raises:
        OSError: it failed.
    """
    packed = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(_libc, name)(*packed) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    _call("mount", source, target, kind, ctypes.c_ulong(flags), data or None)


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends, however that ends."""
    _call("prctl", SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def readable_places(data: Path) -> list[Path]:
    """Return what a submission may read: the system, Python, the course's data and its helpers.

    Args:
        data: the folder of the course's data.
    """
    python = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), *site.getsitepackages()}
    places = [Path(place) for place in (*SYSTEM, *SYSTEM_FILES, *sorted(python))]
    places += [data, *(PACKAGE / name for name in VISIBLE)]
    return [place for place in places if place.exists()]


def enter_room(readable: list[Path], room: str) -> None:
    """Cut this process and its children off from the network and from all but some files.

    A process of root becomes one of nobody.

    Args:
        readable: the files and folders that stay, read-only.
        room: an empty folder.

    Raises:
        OSError: the machine does not allow it; then the process is in an unknown state.
    """
    own = os.getuid(), os.getgid()
    apart = NEW_MOUNTS | NEW_NETWORK | NEW_IPC | NEW_HOST_NAME
    if own[0] == 0:
        _call("unshare", apart)
    else:
        _call("unshare", apart | NEW_USERS)
        _map_users(*own)
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    _mount("room", room, "tmpfs", NO_SUID, "mode=755")
    for place in readable:
        _show(place, room)
    # If the package is in site-packages, which is shown, all of it is.
    for other in (path for path in PACKAGE.iterdir() if path.name not in VISIBLE):
        if Path(room + str(other)).is_dir():
            _mount("none", room + str(other), "tmpfs", READ_ONLY, "size=0")
    _make_devices(room)
    for name in ("proc", PLACE[1:]):
        Path(room, name).mkdir()
    if not Path(room, "tmp").exists():  # the course itself may lie there
        Path(room, "tmp").symlink_to(PLACE)
    _mount("/proc", f"{room}/proc", None, BIND | RECURSIVE)
    os.chdir(room)
    if _libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b".") != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    _call("umount2", ".", DETACH)
    os.chdir("/")
    _mount(None, "/", None, REMOUNT | BIND | READ_ONLY | NO_SUID)
    if own[0] == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _call("prctl", SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self belongs to root


def _map_users(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _show(place: Path, room: str) -> None:
    """Let a file or folder appear in the room, read-only, under its own name."""
    target = Path(room + str(place))
    if place.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to(place.readlink())
        if not Path(room + str(place.resolve())).exists():
            _show(place.resolve(), room)
        return
    if target.exists():  # in a folder that is shown already
        return
    if place.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(str(place), str(target), None, BIND | RECURSIVE)
    _mount(None, str(target), None, REMOUNT | BIND | READ_ONLY | NO_SUID)


def _make_devices(room: str) -> None:
    devices = Path(room, "dev")
    devices.mkdir()
    for name in DEVICES:
        (devices / name).touch()
        _mount(f"/dev/{name}", str(devices / name), None, BIND)
    (devices / "shm").symlink_to(PLACE)


def enter_cell() -> None:
    """Prepare this process's next child to live alone: see ``furnish_cell``.

    Raises:
        OSError: the machine does not allow it.
    """
    own = os.getuid(), os.getgid()
    _call("unshare", NEW_USERS | NEW_PROCESSES | NEW_IPC)
    _map_users(*own)


def furnish_cell() -> None:
    """Give this process, the first of its process ids, its own /proc and an empty folder.

    Raises:
        OSError: the machine does not allow it.
    """
    die_with_parent()
    _call("unshare", NEW_MOUNTS)  # its watcher keeps the /proc that shows them all
    _mount("own", PLACE, "tmpfs", NO_SUID | NO_DEV, f"size={DISK_BYTES},nr_inodes=20000,mode=700")
    try:
        _mount("proc", "/proc", "proc", NO_SUID | NO_DEV)
    except OSError:  # where parts of /proc are hidden, as in some containers
        _mount("none", "/proc", "tmpfs", READ_ONLY, "size=0")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def lock(alone: bool) -> None:
    """Limit this process and its children, and take all their capabilities.

    Args:
        alone: whether they are in a cell; else the limit of processes, which is one of all
            processes of a user, would hit the user's others.
    """
    limits = {
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_DATA: _data_bytes() + MEMORY_BYTES,
        resource.RLIMIT_FSIZE: DISK_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if alone:
        limits[resource.RLIMIT_NPROC] = PROCESSES
    for which, most in limits.items():
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))
    _call("prctl", SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Version 3 of the interface: three masks of 64 bits, here all empty.
    _call("capset", ctypes.byref(_Header(0x20080522, 0)), ctypes.byref((ctypes.c_uint32 * 6)()))


def _data_bytes() -> int:
    """Return how much memory of its own this process has mapped."""
    pages = Path("/proc/self/statm").read_text().split()[5]
    return int(pages) * resource.getpagesize()


def try_all(data: Path, room: str) -> None:
    """Do all of it in this process and a child, to see whether the machine allows it.

    Raises:
        OSError: it does not.
    """
    enter_room(readable_places(data), room)
    enter_cell()
    child = os.fork()
    if child == 0:
        try:
            furnish_cell()
            lock(alone=True)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError("a process of its own could not be set up")


def memory_of(process: int) -> int:
    """Return the bytes that a process and all that it started hold, as far as one can see.

    Pages that a fork has left shared count once, which takes longer to find out: only if the
    simple sum is too large.
    """
    processes = _family_of(process)
    simple = sum(_resident(each) for each in processes)
    if simple < MEMORY_BYTES or len(processes) == 1:
        return simple
    return sum(_proportional(each) for each in processes)


def _family_of(process: int) -> list[int]:
    family = [process]
    for each in family:  # which grows
        for path in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                family += map(int, path.read_text().split())
            except OSError:  # it has ended meanwhile
                continue
    return family


def _resident(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return _resident(process)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
