"""Runs a program of the user's to its end or its limit, and kills what it has left running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_OUTPUT_BYTES = 64 * 1024  # that are kept
_OUTPUT_WAIT_S = 1.0  # for the end of its output, which a process that left its session may hold open


@dataclass(frozen=True, slots=True)
class ProgramEnded:
    """`status` is None if it was killed at its limit. `output` is what it printed first, errors included."""

    status: int | None
    output: str


async def run_program(command: Sequence[str], environ: Mapping[str, str], limit_s: float) -> ProgramEnded:
    """Raises OSError or ValueError if it cannot be started."""
    transport, program = await asyncio.get_running_loop().subprocess_exec(
        _Program,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
        start_new_session=True,
    )
    status = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await program.exited.wait()
                status = transport.get_returncode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OUTPUT_WAIT_S):
                await program.closed.wait()
        transport.close()
    return ProgramEnded(status, program.output.decode("utf-8", "replace"))


class _Program(asyncio.SubprocessProtocol):
    """asyncio's own Process.wait would wait for every process that holds the output open."""

    def __init__(self) -> None:
        self.output = b""
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()  # it has exited and its output has ended

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        self.output += data[: MAX_OUTPUT_BYTES - len(self.output)]  # the rest is read, so that it goes on

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closed.set()
