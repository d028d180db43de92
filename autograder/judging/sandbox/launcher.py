"""The program that a warm kernel's kernelspec starts in place of ipykernel.

It asks the server of fork_client for a forked kernel, passes interrupts on, and ends when the
kernel ends; when it is killed, the kernel is killed. Without a server it becomes an ordinary
kernel. It imports little, because it starts for every submission.
"""

import json
import os
import signal
import socket
import sys

INTERRUPT = b"I"


def main() -> None:
    """Run ``warm_launcher.py SOCKET KERNEL_ARGUMENT...``."""
    address, *arguments = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(address)
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])
    signal.signal(signal.SIGINT, lambda number, frame: server.send(INTERRUPT))
    request = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": arguments}  # noqa: PTH109
    server.sendall(json.dumps(request).encode() + b"\n")
    while server.recv(1):  # until the server closes: the kernel has ended
        pass


if __name__ == "__main__":
    main()
