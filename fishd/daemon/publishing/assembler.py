"""Runs the assembly process for jobs whose lines are spoken, a few at a time."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fishd.core.model.job import Job
from fishd.core.model.outcome import JobOutcome
from fishd.daemon.publishing.assembly_process import COMMAND, ProcessLost, run_process
from fishd.daemon.publishing.assembly_request import assembly_request
from fishd.host.cores import usable_cores
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.errors import disk_error
from fishd.spool.work_folder import FINAL
from fishd.wire.assembly import AssemblyFault, AssemblyRequest, AssemblyResult

_log = logging.getLogger("fishd.assembly")
REQUEST = "assembly.json"
CORES_EACH = 4  # of the machine's: speaking comes first
ATTEMPTS = 2  # a process may be lost by chance, such as to the kernel when memory is short
SILENCE_S = 600.0  # without progress: it hangs


class Assembler:
    """Runs as many assembly processes at once as the machine has cores to spare."""

    def __init__(self, disk: Disk, command: Sequence[str] = COMMAND, silence_s: float = SILENCE_S) -> None:
        self._disk = disk
        self._command = command
        self._silence_s = silence_s
        self._slots = asyncio.Semaphore(max(1, usable_cores() // CORES_EACH))

    async def run(self, outcome: JobOutcome, job: Job, folder: Path) -> AssemblyResult | AssemblyFault:
        """Assemble the clips in work/NAME (`folder`). Raises SpoolError for an error of the disk."""
        request = assembly_request(outcome, job, folder)
        async with self._slots:
            try:
                return await self._run(job.name, request, folder)
            except OSError as error:
                raise disk_error(f"job {job.name}", "cannot be assembled", error) from error

    async def _run(self, job: str, request: AssemblyRequest, folder: Path) -> AssemblyResult | AssemblyFault:
        what = ""
        for _ in range(ATTEMPTS):
            await asyncio.to_thread(self._prepare, folder, request)
            try:
                return await self._attempt(job, request, folder / REQUEST)
            except ProcessLost as lost:
                what = f"the process {lost}"
                _log.warning("[Assembly] %s: %s", job, what, extra={"job": job})
        return AssemblyFault("internal", "", what)

    def _prepare(self, folder: Path, request: AssemblyRequest) -> None:
        """Blocking: remove what an earlier attempt has left, and write the request."""
        folder.mkdir(exist_ok=True)  # a user may have removed work/NAME under the running job
        if os.path.lexists(folder / FINAL):
            remove_tree(self._disk, folder / FINAL)
        (folder / REQUEST).write_bytes(msgspec.json.encode(request))

    async def _attempt(
        self, job: str, request: AssemblyRequest, path: Path
    ) -> AssemblyResult | AssemblyFault:
        answer = await run_process(self._command, job, path, self._silence_s)
        match answer:
            case AssemblyFault(kind="disk", errno=errno) if errno:
                raise OSError(errno, answer.what, answer.where)
            case AssemblyResult() if not _fits(answer, request):
                raise ProcessLost("gave a result that does not fit the request")
            case AssemblyResult():
                await asyncio.to_thread(self._disk.sync_tree, path.parent / FINAL)
                return answer
            case AssemblyFault():
                return answer


def _fits(result: AssemblyResult, request: AssemblyRequest) -> bool:
    sizes = len(result.speakers), len(result.placements)
    return sizes == (len(request.speakers), len(request.lines))
