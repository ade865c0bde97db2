"""The assembly and the report of one job, which outlive attempts that the disk refuses."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fishd.core.model.job import Job
from fishd.core.model.outcome import JobOutcome, without_clips
from fishd.daemon.publishing.assembler import Assembler
from fishd.daemon.publishing.report import FinishedJob, log_result, report, report_assembled
from fishd.wire.assembly import AssemblyFault, AssemblyResult

_log = logging.getLogger("fishd.publisher")


@dataclass(slots=True)
class Assembly:
    """A job that is over, in work/NAME (`folder`)."""

    outcome: JobOutcome
    job: Job
    folder: Path
    device_names: Mapping[str, str]
    began_at: float = field(default_factory=time.monotonic)
    # The mutable state.
    finished: FinishedJob | None = None

    async def run(self, assembler: Assembler) -> FinishedJob:
        """What is to be published, assembled unless it is already. Raises SpoolError, Stopped."""
        if self.finished is None:
            made = await self._assemble(assembler)
            elapsed_s = time.monotonic() - self.began_at
            outcome = replace(self.outcome, wall_s=self.outcome.wall_s + elapsed_s)
            finished = report(outcome, self.device_names)
            self.finished = report_assembled(finished, self.job, made)
            log_result(self.finished.result)
        return self.finished

    def repeat(self) -> None:
        """What was made is damaged: `run` makes it again."""
        self.finished = None

    async def _assemble(self, assembler: Assembler) -> AssemblyResult | AssemblyFault:
        """Clips that cannot be used make their segments fail; the rest is assembled without them."""
        answer = await assembler.run(self.outcome, self.job, self.folder)
        while isinstance(answer, AssemblyFault) and self._drop(answer.clips):
            answer = await assembler.run(self.outcome, self.job, self.folder)
        if isinstance(answer, AssemblyFault):
            text = "[Main] %s: cannot be assembled: %s: %s"
            _log.error(text, self.job.name, answer.where, answer.what, extra={"job": self.job.name})
        return answer

    def _drop(self, clips: Mapping[str, str]) -> bool:
        """Fail the segments of these raw clips; whether there are any."""
        before = self.outcome
        self.outcome = without_clips(
            before, {clip: f"its clip cannot be used: {what}" for clip, what in clips.items()}
        )
        return self.outcome != before
