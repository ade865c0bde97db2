"""Runs one assembly process from its request to its answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from fishd.wire.assembly import AssemblyAnswer, AssemblyFault, AssemblyProgress, AssemblyResult

_log = logging.getLogger("fishd.assembly")
COMMAND = (sys.executable, "-m", "fishd.assembly")  # before the request's path and our process id
_READ_BYTES = 1 << 16
_MAX_ANSWER_BYTES = 1 << 28  # a result has some hundred bytes for each line of the script
_MAX_PRINTED_BYTES = 1 << 16  # of a line in the log
_ANSWERS: msgspec.json.Decoder[AssemblyAnswer] = msgspec.json.Decoder(AssemblyAnswer)


class ProcessLost(Exception):  # noqa: N818 - reads as what it is
    """The process has given no answer; `str()` says why."""


async def run_process(
    command: Sequence[str], job: str, request: Path, silence_s: float
) -> AssemblyResult | AssemblyFault:
    """Killed when it is silent for `silence_s`, or when this is cancelled. Raises ProcessLost, OSError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        str(request),
        str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    printed = asyncio.create_task(_log_lines(process.stderr, job))
    try:
        answer = await _answer(process.stdout, silence_s)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        while await process.stdout.read(_READ_BYTES):  # `wait` returns when all of it was read
            pass
        last, status = await printed, await process.wait()
    if answer is None:
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        raise ProcessLost(f"{how} before it had finished" + (f"; it last printed: {last}" if last else ""))
    return answer


async def _answer(stream: asyncio.StreamReader, silence_s: float) -> AssemblyResult | AssemblyFault | None:
    """The result or the fault; None if the output ends without one."""
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(silence_s) as silence:
            async for line in _lines(stream, _MAX_ANSWER_BYTES):
                silence.reschedule(now() + silence_s)
                answer = _ANSWERS.decode(line)
                if not isinstance(answer, AssemblyProgress):
                    return answer
    except TimeoutError as error:
        raise ProcessLost(f"made no progress for {silence_s:g} s and was killed") from error
    except msgspec.DecodeError as error:
        raise ProcessLost(f"printed an invalid answer: {error}") from error
    return None


async def _log_lines(stream: asyncio.StreamReader, job: str) -> str:
    """Log what the process prints; the last line."""
    last = ""
    async for line in _lines(stream, _MAX_PRINTED_BYTES):
        last = line.decode("utf-8", "replace").rstrip()
        _log.info("[Assembly] %s: %s", job, last, extra={"job": job})
    return last


async def _lines(stream: asyncio.StreamReader, most_bytes: int) -> AsyncIterator[bytes]:
    """Complete lines, each up to so many bytes. StreamReader.readline has a limit of its own, and raises."""
    parts: list[bytes] = []
    room = most_bytes
    while chunk := await stream.read(_READ_BYTES):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end[:room]))
            parts.clear()
            room = most_bytes
        parts.append(rest[:room])
        room -= len(parts[-1])
