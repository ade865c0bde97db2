"""The assembly and the report of one job, which outlive attempts that the disk refuses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fishd.core.model.job import Fault, Job, JobStatus
from fishd.core.model.outcome import JobOutcome, without_clips
from fishd.daemon.publishing.assembler import Assembler
from fishd.daemon.publishing.report import FinishedJob, log_result, report, report_assembled
from fishd.wire.assembly import AssemblyFault, AssemblyResult

_log = logging.getLogger("fishd.publisher")


class Stopped(Exception):  # noqa: N818 - reads as what it is
    """The daemon stops: the next start assembles the job again."""


@dataclass(slots=True)
class Assembly:
    """A job that is over, in work/NAME (`folder`). One that is cancelled is published without tracks."""

    outcome: JobOutcome
    job: Job
    folder: Path
    device_names: Mapping[str, str]
    began_at: float = field(default_factory=time.monotonic)
    # The mutable state.
    finished: FinishedJob | None = None
    _why: str = ""
    _task: asyncio.Task[AssemblyResult | str] | None = None

    async def run(self, assembler: Assembler) -> FinishedJob:
        """What is to be published, assembled unless it is already. Raises SpoolError, Stopped."""
        if self.finished is None:
            made = await self._run(assembler)
            elapsed_s = time.monotonic() - self.began_at
            outcome = replace(self.outcome, wall_s=self.outcome.wall_s + elapsed_s)
            finished = report(outcome, self.device_names)
            self.finished = report_assembled(finished, self.job, made)
            log_result(self.finished.result)
        return self.finished

    def stop(self) -> None:
        """Kill its process: `run` raises Stopped."""
        if self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """A user cancels the job: its clips are published as they were spoken."""
        self.outcome = replace(self.outcome, status=JobStatus.CANCELLED)
        self.stop()

    def why_not(self) -> tuple[Fault, ...]:
        """Why nothing was made of it."""
        is_cancelled = self.outcome.status is JobStatus.CANCELLED
        return (Fault("", "it was cancelled") if is_cancelled else Fault("tracks", self._why),)

    def repeat(self) -> None:
        """What was made is damaged: `run` makes it again."""
        self.finished = None

    async def _run(self, assembler: Assembler) -> AssemblyResult | str:
        """In a task of its own, so that `stop` and `cancel` end it and not the caller."""
        if self.outcome.status is not JobStatus.CANCELLED:
            self._task = asyncio.create_task(self._assemble(assembler), name=f"assemble {self.job.name}")
            await asyncio.wait((self._task,))
            if not self._task.cancelled():
                return self._task.result()
        if self.outcome.status is not JobStatus.CANCELLED:
            raise Stopped
        return "the job was cancelled"

    async def _assemble(self, assembler: Assembler) -> AssemblyResult | str:
        """The result, or why there is none. Segments whose clips cannot be used fail."""
        answer = await assembler.run(self.outcome, self.job, self.folder)
        while isinstance(answer, AssemblyFault) and self._drop(answer.clips):
            answer = await assembler.run(self.outcome, self.job, self.folder)
        if isinstance(answer, AssemblyResult):
            return answer
        why = self._why = str(Fault(answer.where, answer.what))
        _log.error("[Main] %s: cannot be assembled: %s", self.job.name, why, extra={"job": self.job.name})
        return why

    def _drop(self, clips: Mapping[str, str]) -> bool:
        """Fail the segments of these raw clips; whether there are any."""
        before = self.outcome
        errors = {clip: f"its clip cannot be used: {what}" for clip, what in clips.items()}
        self.outcome = without_clips(before, errors)
        return self.outcome != before
