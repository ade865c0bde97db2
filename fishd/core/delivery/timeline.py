"""The records of a programme: the script's lines that come in, and the timeline that goes out.

Everything in a timeline is a whole number of samples at the track's rate, so that no rounding adds up.
`fitting.py` makes the timeline; the audio process executes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Break(StrEnum):
    """What separates an untimed line from the line before it.

    A chapter's title has CHAPTER before it and after it: both it and the first line of its text say CHAPTER.
    """

    LINE = "line"
    PARAGRAPH = "paragraph"
    CHAPTER = "chapter"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the script with the length of its clip: `frames` at `frame_rate` Hz.

    A line that failed has 0 frames: it keeps its place, in silence. A line that is not to be spoken does not
    belong here. `start_s` and `end_s` are its cue's times; without a start the line is untimed.
    `same_cue`: the cue is also that of the line before it, and the two are spoken in turn (`- A` / `- B`).
    """

    speaker: int
    frames: int
    frame_rate: int
    start_s: float | None = None
    end_s: float | None = None
    break_before: Break = Break.LINE
    same_cue: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a line goes, in samples: its clip of `clip_length` is stretched to `length`, from `start` on.

    The wanted times are None where the script gives none. Lines that share a cue have their part of it as
    wanted times. `overrun` is how much of the line is left after the latest moment at which the next line may
    begin: it is not cut, so the next line of the same speaker is late by that much more than is allowed, and
    the next line of another speaker is talked over for as long.
    """

    speaker: int
    start: int
    length: int
    clip_length: int
    wanted_start: int | None
    wanted_end: int | None
    overrun: int

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def speed(self) -> float:
        """1.0 is unchanged, 1.25 is a quarter faster."""
        return self.clip_length / self.length if self.length else 1.0

    @property
    def shift(self) -> int:
        """How much later than wanted the line begins; negative is earlier, an untimed line's is 0."""
        return 0 if self.wanted_start is None else self.start - self.wanted_start


@dataclass(frozen=True, slots=True)
class Timeline:
    """The programme: a placement for each line, in script order, and the length that all its tracks have."""

    sample_rate: int
    placements: tuple[Placement, ...]
    length: int

    def seconds(self, samples: int) -> float:
        return samples / self.sample_rate

    def milliseconds(self, samples: int) -> int:
        """Rounded to the nearest, in whole numbers: exact however long the programme is."""
        return (samples * 1000 + self.sample_rate // 2) // self.sample_rate


@dataclass(frozen=True, slots=True)
class Caption:
    """What subtitles and timing.csv say of a line; captions are parallel to the placements."""

    id: str
    speaker: str
    text: str
