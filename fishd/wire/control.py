"""What `fishd cancel` says to the daemon, over a socket in the spool: one line of JSON there, one back."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

CONTROL = ".control"  # below the spool's root
MAX_LINE_BYTES = 4096
ANSWER_S = 10.0


class Cancel(msgspec.Struct, frozen=True):
    """No more of this job is wanted."""

    cancel: str


class Answer(msgspec.Struct, frozen=True):
    """`known`: there is such a job, and it is being cancelled."""

    known: bool


def ask_to_cancel(path: Path, job: str) -> bool:
    """Whether the daemon knows the job, which it then cancels. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, address(path) as short:
        sock.settimeout(ANSWER_S)
        sock.connect(short)
        sock.sendall(msgspec.json.encode(Cancel(job)) + b"\n")
        with sock.makefile("rb") as answer:
            line = answer.readline(MAX_LINE_BYTES)
    if not line:
        raise ConnectionResetError("it hung up without an answer")
    return msgspec.json.decode(line, type=Answer).known


@contextmanager
def address(path: Path) -> Generator[str]:
    """A name for a socket at `path` that is short enough for the kernel (108 bytes), while it is needed."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
