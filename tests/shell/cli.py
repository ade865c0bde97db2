"""The console script as a process, with and without a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
Ended = subprocess.CompletedProcess[str]


def fishd(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end, its output in pipes."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environ(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def on_a_terminal(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """All that a command writes to a terminal of 80 columns."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environ({"TERM": "xterm-256color", "COLUMNS": "80", **(env or {})}),
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        too_long = threading.Timer(LIMIT_S, process.kill)
        too_long.start()
        written = b"".join(iter(lambda: _read(ours), b""))
        too_long.cancel()
    os.close(ours)
    return written.decode()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "fishd", *map(str, arguments)]


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, without what would colour or configure the command."""
    ours = {
        key: value for key, value in os.environ.items() if not key.startswith(("FISH", "NO_COLOR", "FORCE_"))
    }
    return {**ours, "PYTHONPATH": str(ROOT), **(more or {})}


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: the other end is closed
        return b""
