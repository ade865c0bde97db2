"""The failures of one device's workers, and when the next worker may start there.

A worker that exits before it has completed or held a take exited early: the next start backs off (1, 2, 4 …
60 s), and five early exits in a row open a circuit breaker, so that no worker is started until the plan
changes. A worker that exits with takes in flight may have met a poison segment, which ends at most
`max_takes` workers; more of those in a row back off too. Out of memory takes one worker away, as long as
there are several. A lost node is no fault of its workers: the next start there backs off, however often
that happens. Workers that exit together count once, also those that run out of memory together: the first one
freed the memory that the others lacked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fishd.core.dispatch.events import DevicePlan, WorkerGone

MAX_BACKOFF_S = 60.0
BREAKER_EXITS = 5
OUT_OF_MEMORY = "out of memory"
NODE_LOST = "node lost"  # the machine or its connection failed, not the worker
SAME_SHORTAGE_S = 5.0  # after an out-of-memory, one of a worker that already ran then is the same shortage
HEADROOM = 1.05  # of the memory that a worker was measured to need


@dataclass(slots=True, eq=False)
class DeviceState:
    """One device: its plan and its workers' failures."""

    plan: DevicePlan
    oom_reduction: int = 0  # workers taken away by out-of-memory
    early_exits: int = 0  # in a row
    crashes: int = 0  # in a row, of workers with takes in flight that had spoken none
    node_losses: int = 0  # in a row
    last_failure_at: float = -math.inf
    last_oom_at: float = -math.inf  # the last out-of-memory that took a worker away
    earliest_start: float = -math.inf
    is_broken: bool = False
    restarts: int = 0
    last_fault: str = ""

    @classmethod
    def carry_over(cls, old: DeviceState | None, plan: DevicePlan) -> DeviceState:
        """The device under a new plan: history is kept, back-off and breaker are reset."""
        if old is None:
            return cls(plan)
        return cls(plan, restarts=old.restarts, last_fault=old.last_fault)

    @property
    def wanted(self) -> int:
        return max(min(self.plan.wanted, 1), self.plan.wanted - self.oom_reduction)

    def may_start(self, now: float) -> bool:
        return not self.is_broken and now >= self.earliest_start

    def on_worker_exit(
        self,
        event: WorkerGone,
        now: float,
        *,
        started_at: float,
        was_busy: bool,
        had_spoken: bool,
        max_takes: int,
    ) -> str:
        """Count a worker's exit; what the log should say about it, if anything."""
        self.restarts += 1
        self.last_fault = event.reason
        if event.kind == OUT_OF_MEMORY:
            if self.is_same_shortage(started_at, now):
                return ""
            if self.wanted > 1:
                self.oom_reduction += 1
                self.last_oom_at = now
                return f"out of memory: now runs {self.wanted} workers{self._fitting_budget(event.needs_gb)}"
        if event.kind == NODE_LOST:
            self.node_losses += 1
            return f"next start in {self._back_off(self.node_losses, now):g} s"
        if started_at < self.last_failure_at or (was_busy and had_spoken):
            return ""
        self.last_failure_at = now
        text = self._on_crash(now, max_takes) if was_busy else self._on_early_exit(event, now)
        if event.kind == OUT_OF_MEMORY:
            fits = self._fitting_budget(event.needs_gb).removeprefix("; ")
            return "; ".join(filter(None, (text or "out of memory", fits)))
        return text

    def is_same_shortage(self, started_at: float, now: float) -> bool:
        """Is an out-of-memory now the same as the one that has just taken a worker away?"""
        return started_at <= self.last_oom_at and now - self.last_oom_at < SAME_SHORTAGE_S

    def _fitting_budget(self, needs_gb: float | None) -> str:
        """The budget that would be enough by measurement, as the continuation of a message."""
        budget_gb = self.plan.budget_gb
        if needs_gb is None or not budget_gb or self.plan.is_cpu:
            return ""
        fits_gb = math.ceil(needs_gb * HEADROOM * 10) / 10
        if fits_gb > budget_gb:
            return f"; a worker needed {needs_gb:.1f} GB: model_memory_gb = {fits_gb:g} would fit"
        return (
            f"; a worker needed {needs_gb:.1f} GB of its {budget_gb:g} GB: "
            "something else holds the GPU's memory, see `nvidia-smi`"
        )

    def _on_early_exit(self, event: WorkerGone, now: float) -> str:
        self.early_exits += 1
        what = f"worker {event.worker} exited before completing a take"
        if self.early_exits >= BREAKER_EXITS:
            self.is_broken = True
            return f"{what}, {self.early_exits} in a row: no more are started here until `fishd reload`"
        return f"{what}; the next one starts in {self._back_off(self.early_exits, now):g} s"

    def _on_crash(self, now: float, max_takes: int) -> str:
        self.crashes += 1
        if self.crashes <= max_takes:
            return ""
        pause_s = self._back_off(self.crashes - max_takes, now)
        return f"{self.crashes} workers in a row exited during their first takes; next start in {pause_s:g} s"

    def _back_off(self, failures: int, now: float) -> float:
        pause_s = min(2.0 ** min(failures - 1, 10), MAX_BACKOFF_S)
        self.earliest_start = now + pause_s
        return pause_s
