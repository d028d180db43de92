"""What needs Linux is imported on Linux only: the program starts on Windows and macOS."""

import subprocess
import sys

from tests.support.course import ROOT

# The names that Windows lacks are taken away from Python, after others have imported them.
SCRIPT = """
import importlib, os, pkgutil, signal, socket, socketserver, sys

import distributed, IPython, ipykernel.kernelapp, jupyterlab.labapp, jupytext, matplotlib, nh3
import multiprocessing.forkserver, nbclient, nbgrader.apps, otter, rich.progress, sphinx
import torchvision

import autograder

for module in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[module] = None
for module, names in {
    os: ("fork", "getuid", "killpg", "sched_getaffinity", "setsid", "wait4"),
    signal: ("ITIMER_PROF", "ITIMER_REAL", "SIGALRM", "SIGCHLD", "SIGKILL", "setitimer"),
    socket: ("AF_UNIX",),
    socketserver: ("ForkingMixIn", "UnixStreamServer"),
}.items():
    for name in names:
        delattr(module, name)
LINUX = ("autograder.judging.sandbox.fork_server", "autograder.judging.sandbox.jail")
for module in pkgutil.walk_packages(autograder.__path__, "autograder."):
    if module.name not in LINUX:
        importlib.import_module(module.name)
importlib.import_module("autograder.commands.cli").main(["--help"])
"""


def test_the_program_starts_without_what_windows_lacks():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "publish" in done.stdout
