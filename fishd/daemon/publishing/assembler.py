"""Runs the assembly process for jobs whose lines are spoken, a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from fishd.core.model.job import Job
from fishd.core.model.outcome import JobOutcome
from fishd.daemon.publishing.assembly_request import assembly_request
from fishd.host.cores import usable_cores
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.work_folder import FINAL
from fishd.wire.assembly import AssemblyAnswer, AssemblyFault, AssemblyProgress, AssemblyResult

_log = logging.getLogger("fishd.assembly")
REQUEST = "assembly.json"
CORES_EACH = 4  # of the machine's: speaking comes first
_READ_BYTES = 1 << 16
_ANSWERS: msgspec.json.Decoder[AssemblyAnswer] = msgspec.json.Decoder(AssemblyAnswer)


class Assembler:
    """Owns the assembly processes. A `stop` kills them: the next start repeats their work."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._slots = asyncio.Semaphore(max(1, usable_cores() // CORES_EACH))
        # The mutable state.
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self, outcome: JobOutcome, job: Job, folder: Path) -> AssemblyResult | AssemblyFault:
        """Assemble the clips in work/NAME (`folder`). Raises OSError for what the disk refuses, Stopped."""
        async with self._slots:
            if self._stop.is_set():
                raise Stopped
            request = assembly_request(outcome, job, folder)
            await asyncio.to_thread(self._prepare, folder, msgspec.json.encode(request))
            answer = await self._ask(outcome.name, folder / REQUEST)
        if isinstance(answer, AssemblyFault) and answer.kind == "disk":
            raise OSError(answer.errno, answer.what, answer.where)
        return answer

    def _prepare(self, folder: Path, request: bytes) -> None:
        """Blocking: remove what an attempt before has left, and write the request."""
        if (folder / FINAL).exists():
            remove_tree(self._disk, folder / FINAL)
        (folder / REQUEST).write_bytes(request)

    async def _ask(self, job: str, request: Path) -> AssemblyResult | AssemblyFault:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fishd.assembly",
            str(request),
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        stop = asyncio.create_task(self._stop.wait())
        answers = asyncio.create_task(_last_answer(process.stdout))
        errors = asyncio.create_task(_log_lines(process.stderr, job))
        try:
            await asyncio.wait((answers, stop), return_when=asyncio.FIRST_COMPLETED)
            if not answers.done():
                raise Stopped
            answer, last = answers.result(), await errors
            status = await process.wait()
        finally:
            stop.cancel()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if answer is None:
            what = f"the process ended with status {status} before it had finished; it last printed: {last}"
            return AssemblyFault("internal", "assembly", what)
        return answer


class Stopped(Exception):  # noqa: N818 - reads as what it is
    """The daemon stops."""


async def _last_answer(stream: asyncio.StreamReader | None) -> AssemblyResult | AssemblyFault | None:
    """The result or the fault, which is the last line; a result may be megabytes long."""
    answer: AssemblyAnswer | None = None
    async for line in _lines(stream):
        answer = _ANSWERS.decode(line)
    return None if isinstance(answer, AssemblyProgress) else answer


async def _log_lines(stream: asyncio.StreamReader | None, job: str) -> str:
    """Log what the process prints; the last line."""
    last = ""
    async for line in _lines(stream):
        last = line.decode("utf-8", "replace").rstrip()
        _log.info("[Assembly] %s: %s", job, last, extra={"job": job})
    return last


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    """Complete lines of any length; StreamReader.readline has a limit."""
    assert stream is not None
    parts: list[bytes] = []
    while chunk := await stream.read(_READ_BYTES):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end))
            parts.clear()
        parts.append(rest)
