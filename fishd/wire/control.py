"""The control socket of the daemon, in the spool: `fishd cancel` sends one line of JSON and gets one back."""

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
    """Cancel the job of this name."""

    cancel: str


class Answer(msgspec.Struct, frozen=True):
    """`known`: there is such a job, and it is being cancelled."""

    known: bool


def ask_to_cancel(path: Path, job: str) -> bool:
    """Ask the daemon to cancel a job; whether it knows the job. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, address(path) as short:
        sock.settimeout(ANSWER_S)
        sock.connect(short)
        sock.sendall(msgspec.json.encode(Cancel(job)) + b"\n")
        with sock.makefile("rb") as answer:
            line = answer.readline(MAX_LINE_BYTES)
    if not line:
        raise ConnectionResetError("the daemon closed the connection without an answer")
    return msgspec.json.decode(line, type=Answer).known


def decode_request(line: bytes) -> Cancel | None:
    """A request from an untrusted client; None if it is not valid."""
    try:
        return msgspec.json.decode(line, type=Cancel)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@contextmanager
def address(path: Path) -> Generator[str]:
    """An address of the socket at `path` that fits into the kernel's 108 bytes, while the context is open."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
