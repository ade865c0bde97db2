"""`fishd` commands as processes, with and without a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
NOOP_CONFIG = '[engine]\nname = "tests.engines.noop:factory"\n'
# A wrapper that makes permissions apply to root too.
WITHOUT_ROOT_RIGHTS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)
Ended = subprocess.CompletedProcess[str]


def fishd(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, wrapper: Sequence[str] = ()
) -> Ended:
    """Run a command to its end, with its output in pipes; `wrapper` is a command that runs another one."""
    return subprocess.run(
        [*wrapper, *command(*arguments)],
        cwd=cwd,
        env=environ(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def on_a_terminal(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """The output of a command on a terminal of 80 columns."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environ({"TERM": "xterm-256color", "COLUMNS": "80", **(env or {})}),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        timeout = threading.Timer(LIMIT_S, process.kill)
        timeout.start()
        written = b"".join(iter(lambda: _read(leader), b""))
        timeout.cancel()
    os.close(leader)
    return written.decode()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "fishd", *map(str, arguments)]


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the variables that colour or configure a command, with `more`."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("FISH", "NO_COLOR", "FORCE_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **(more or {})}


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: the process has closed its end
        return b""
