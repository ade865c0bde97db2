"""What became of the workers of one device, and when the next may start there.

Deaths of workers that were of no use yet back off (1, 2, 4 … 60 s), and 5 in a row open a breaker: no
worker is started until the plan changes. A worker that ends with takes in hand may have met a poison
segment, which ends at most `max_takes` workers; more than so many in a row back off too. Out of memory
means one worker fewer, as long as there are several. Workers that end together count once, also those that
run out of memory together: the first has freed what the others wanted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fishd.core.dispatch.events import DevicePlan, WorkerGone

MAX_BACKOFF_S = 60.0
BREAKER_DEATHS = 5
OUT_OF_MEMORY = "out of memory"
SAME_SHORTAGE_S = 5.0  # after a want of memory, another of a worker that ran then is the same one
HEADROOM = 1.05  # of what a worker was seen to need, for what it was not seen to need


@dataclass(slots=True, eq=False)
class DeviceState:
    """One device: what is wanted of it and how its workers fared."""

    plan: DevicePlan
    oom_reduction: int = 0  # workers taken away by out-of-memory
    deaths: int = 0  # in a row, of workers that held nothing
    crashes: int = 0  # in a row, of workers with takes in hand that had spoken none
    last_failure_at: float = -math.inf
    last_oom_at: float = -math.inf  # the last want of memory that cost a worker
    earliest_start: float = -math.inf
    is_broken: bool = False
    restarts: int = 0
    last_fault: str = ""

    @classmethod
    def carry_over(cls, old: DeviceState | None, post: DevicePlan) -> DeviceState:
        """A new plan's post: history stays, backing off and breakers do not."""
        if old is None:
            return cls(post)
        return cls(post, restarts=old.restarts, last_fault=old.last_fault)

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
        held: bool,
        was_of_use: bool,
        max_takes: int,
    ) -> str:
        """Draw the consequences of a worker's end; what there is to say of them, if anything."""
        self.restarts += 1
        self.last_fault = event.reason
        if event.kind == OUT_OF_MEMORY:
            if self.is_same_shortage(started_at, now):
                return ""
            if self.wanted > 1:
                self.oom_reduction += 1
                self.last_oom_at = now
                return (
                    f"out of memory: it runs {self.wanted} workers now{self._fitting_budget(event.needs_gb)}"
                )
        if started_at < self.last_failure_at or (held and was_of_use):
            return ""
        self.last_failure_at = now
        said = self._on_crash(now, max_takes) if held else self._on_early_exit(event, now)
        if event.kind == OUT_OF_MEMORY:
            fits = self._fitting_budget(event.needs_gb).removeprefix("; ")
            return "; ".join(filter(None, (said or "out of memory", fits)))
        return said

    def is_same_shortage(self, started_at: float, now: float) -> bool:
        """Did a worker that ran out of memory only meet what has just cost another one its place?"""
        return started_at <= self.last_oom_at and now - self.last_oom_at < SAME_SHORTAGE_S

    def _fitting_budget(self, needs_gb: float | None) -> str:
        """The budget that would do, from what was measured; in words that follow others."""
        budget_gb = self.plan.budget_gb
        if needs_gb is None or not budget_gb or self.plan.device == "cpu":
            return ""
        fits_gb = math.ceil(needs_gb * HEADROOM * 10) / 10
        if fits_gb > budget_gb:
            return f"; a worker needed {needs_gb:.1f} GB: model_memory_gb = {fits_gb:g} would fit"
        return (
            f"; a worker needed {needs_gb:.1f} GB of its {budget_gb:g} GB: "
            "something else holds the card's memory, see `nvidia-smi`"
        )

    def _on_early_exit(self, event: WorkerGone, now: float) -> str:
        self.deaths += 1
        what = f"worker {event.worker} ended before it was of use"
        if self.deaths >= BREAKER_DEATHS:
            self.is_broken = True
            return f"{what}, {self.deaths} in a row: no more are started here until `fishd reload`"
        return f"{what}; the next one starts in {self._back_off(self.deaths, now):g} s"

    def _on_crash(self, now: float, max_takes: int) -> str:
        self.crashes += 1
        if self.crashes <= max_takes:
            return ""
        pause_s = self._back_off(self.crashes - max_takes, now)
        return f"{self.crashes} workers in a row ended at their first takes; the next starts in {pause_s:g} s"

    def _back_off(self, failures: int, now: float) -> float:
        pause_s = min(2.0 ** min(failures - 1, 10), MAX_BACKOFF_S)
        self.earliest_start = now + pause_s
        return pause_s
