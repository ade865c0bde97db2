"""The assembly of one job, which outlives attempts that the disk refuses."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from fishd.core.model.job import Job
from fishd.core.model.outcome import JobOutcome, without_clips
from fishd.daemon.publishing.assembler import Assembler
from fishd.wire.assembly import AssemblyFault, AssemblyResult

_log = logging.getLogger("fishd.publisher")
_Made = tuple[JobOutcome, AssemblyResult | AssemblyFault]


@dataclass(slots=True)
class Assembly:
    """A job that is over, and what was made of it."""

    outcome: JobOutcome
    job: Job
    folder: Path  # work/NAME
    began_at: float = field(default_factory=time.monotonic)
    # The mutable state.
    made: _Made | None = None
    is_reported: bool = False  # is its result in the log?

    async def run(self, assembler: Assembler) -> _Made:
        """The outcome, whose time includes the assembly, and the answer. Raises OSError, Stopped.

        A clip that cannot be used makes its segment fail, and the rest is assembled without it.
        """
        while self.made is None:
            answer = await assembler.run(self.outcome, self.job, self.folder)
            if isinstance(answer, AssemblyFault) and answer.kind == "clip" and self._drop(answer):
                continue
            if isinstance(answer, AssemblyFault):
                text = "[Main] %s: cannot be assembled: %s: %s"
                _log.error(text, self.job.name, answer.where, answer.what, extra={"job": self.job.name})
            elapsed_s = time.monotonic() - self.began_at
            self.made = replace(self.outcome, wall_s=self.outcome.wall_s + elapsed_s), answer
        return self.made

    def _drop(self, fault: AssemblyFault) -> bool:
        """Fail the segment whose raw clip cannot be used; False if there is none."""
        before = self.outcome
        why = f"its clip cannot be used: {fault.what}"
        self.outcome = without_clips(before, {fault.where}, why)
        _log.error("[Main] %s: %s %s", self.job.name, fault.where, fault.what, extra={"job": self.job.name})
        return self.outcome != before
