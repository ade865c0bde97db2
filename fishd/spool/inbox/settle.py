"""When a drop has settled: pure arithmetic on what is remembered of an entry between scans."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.model.job import Fault

FULL_RATE = 100  # settling entries that are checked at the full rate; the more there are, the less often
MIN_STEP_S = 0.05


@dataclass(slots=True)
class SettleState:
    """What is remembered of an entry. `lacks` is what the tree with this fingerprint lacks, if checked.

    `revises` is the job that a request is for.
    """

    changed_at: float
    due: float
    fingerprint: int | None = None
    lacks: tuple[Fault, ...] | None = None
    failures: int = 0
    revises: str = ""


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """An entry has settled after `settle_s` without a change; incomplete, it times out after `timeout_s`."""

    settle_s: float
    timeout_s: float

    def note(self, state: SettleState, fingerprint: int, now: float) -> None:
        """Remember the tree's fingerprint; a different one restarts the clock."""
        if state.fingerprint != fingerprint:
            state.fingerprint, state.changed_at, state.lacks = fingerprint, now, None

    def has_settled(self, state: SettleState, now: float) -> bool:
        """Whether nothing has changed for long enough to read the bundle."""
        return now - state.changed_at >= self.settle_s

    def has_timed_out(self, state: SettleState, now: float) -> bool:
        """Whether nothing has changed for so long that the bundle will stay incomplete."""
        return now - state.changed_at >= max(self.timeout_s, self.settle_s)

    def schedule(self, state: SettleState, now: float, num_settling: int) -> None:
        """Set when the next check is due: after one step, or when the entry settles or times out."""
        step_s = max(self.settle_s / 4, MIN_STEP_S) * max(1.0, num_settling / FULL_RATE)
        has_settled = self.has_settled(state, now)
        wait_s = max(self.timeout_s, self.settle_s) if has_settled else self.settle_s
        state.due = max(now, min(now + step_s, state.changed_at + wait_s))
