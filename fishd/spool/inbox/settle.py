"""When has a drop settled? Pure arithmetic on what is remembered of an entry between scans."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.model.job import Fault

FEW = 100  # bundles that settle; the more there are, the longer each waits for its next look
LEAST_STEP_S = 0.05


@dataclass(slots=True)
class SettleState:
    """What is remembered of an entry; owned by the Inbox. `print` is of its tree, `lacks` goes with it."""

    changed_at: float
    due: float
    fingerprint: int | None = None
    lacks: tuple[Fault, ...] | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long to wait: still for `settle_s` is settled, still and incomplete for `timeout_s` is given up."""

    settle_s: float
    timeout_s: float

    def note(self, waiting: SettleState, seen: int, now: float) -> None:
        """Remember the tree's print; if it is another than before, the waiting begins anew."""
        if waiting.fingerprint != seen:
            waiting.fingerprint, waiting.changed_at, waiting.lacks = seen, now, None

    def is_still(self, waiting: SettleState, now: float) -> bool:
        """Nothing has changed for long enough to look inside."""
        return now - waiting.changed_at >= self.settle_s

    def is_over(self, waiting: SettleState, now: float) -> bool:
        """Nothing has come for so long that nothing will."""
        return now - waiting.changed_at >= max(self.timeout_s, self.settle_s)

    def look_again(self, waiting: SettleState, now: float, num_waiting: int) -> None:
        """Set when the entry is due: at the next moment that decides something, or a step on, if sooner."""
        step = max(self.settle_s / 4, LEAST_STEP_S) * max(1.0, num_waiting / FEW)
        wait_s = (
            self.settle_s if now < waiting.changed_at + self.settle_s else max(self.timeout_s, self.settle_s)
        )
        waiting.due = max(now, min(now + step, waiting.changed_at + wait_s))
