"""The state of one segment, and its legal moves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fishd.core.model.job import Clip
from fishd.core.quality.score import best_take


class SegmentState(StrEnum):
    WAITING = "waiting"
    IN_FLIGHT = "in flight"
    LISTENING = "being heard"
    DONE = "done"
    FAILED = "failed"


_W, _I, _L, _D, _F = SegmentState
SEGMENT_MOVES: dict[tuple[SegmentState, str], SegmentState] = {
    (_W, "sent"): _I,
    (_I, "spoken"): _D,
    (_I, "failed"): _F,
    (_I, "requeued"): _W,
    (_I, "to be heard"): _L,
    (_L, "heard"): _D,
    (_L, "requeued"): _W,
    (_W, "abandoned"): _F,
    (_W, "recovered"): _D,
    (_W, "recovered unheard"): _L,
    (_W, "failed before"): _F,
}


@dataclass(slots=True, eq=False)
class SegmentRecord:
    """One segment's progress. `deaths` counts the takes that ended with their worker, `uncounted` those that
    were lost by no fault of theirs.

    `spoken` are the takes that gave a clip; once the segment is done, `clip` is the best of them.
    """

    state: SegmentState = SegmentState.WAITING
    takes: int = 0
    deaths: int = 0
    uncounted: int = 0
    spoken: tuple[Clip, ...] = ()
    clip: Clip | None = None
    error: str = ""
    can_retry: bool = True

    def move(self, step: str) -> None:
        self.state = SEGMENT_MOVES[self.state, step]

    @property
    def is_settled(self) -> bool:
        """Is there a take without faults? Then the segment needs no other."""
        return any(not clip.faults for clip in self.spoken)

    def choose_clip(self) -> Clip:
        """The best take becomes the segment's clip."""
        self.clip = self.spoken[best_take([clip.faults for clip in self.spoken])]
        self.error = ""
        return self.clip
