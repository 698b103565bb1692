"""Servers that a page tells its reader to start in a terminal and to leave running."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 30.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(command: str, folder: Path, environment: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
    """Start a server by a command and wait until it answers at `port`; `ended` ends it."""
    child = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return child
    code = ended(child)
    raise AssertionError(f"{command} should have answered within {PATIENCE_S:g} s, ended with {code}")


def ended(child: subprocess.Popen[bytes]) -> int:
    """End a server as Ctrl-C would, and return its exit code."""
    child.terminate()
    return child.wait(PATIENCE_S)
