"""When each line is wanted, and where its slot ends: from a script's seconds to samples.

A line's slot ends where the next line begins: the next of the same speaker, or the next of any speaker whose
cue comes after this one. A cue that begins while this one lasts is an interruption and does not end it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fishd.core.delivery.timeline import Line

NEVER = 1 << 62  # later than any sample: where the slot of a line ends that no line follows

_TOUCHING_S = 0.1  # cues that overlap by no more come one after the other: subtitle times are often sloppy


@dataclass(frozen=True, slots=True)
class Wanted:
    """A timed line's own times; `end` is None where the script has none."""

    start: int
    end: int | None


class Turns:
    """Who comes after whom: the wanted starts of all timed lines, in order of time."""

    def __init__(self, wanted: Iterable[Wanted | None], sample_rate: int) -> None:
        self._starts = sorted(own.start for own in wanted if own is not None)
        self._touching = round(_TOUCHING_S * sample_rate)

    def after(self, start: int, own: Wanted | None) -> int:
        """From when on a cue comes after a line that begins at `start`, rather than interrupting it."""
        if own is None or own.end is None:
            return start + 1
        return max(start + 1, own.end - self._touching)

    def next_start(self, sample: int) -> int:
        """The first wanted start that is not before `sample`, or NEVER."""
        n = bisect_left(self._starts, sample)
        return self._starts[n] if n < len(self._starts) else NEVER


def clip_lengths(lines: Iterable[Line], sample_rate: int) -> list[int]:
    """The clips' lengths at the track's rate, to the nearest sample."""
    return [(2 * line.frames * sample_rate + line.frame_rate) // (2 * line.frame_rate) for line in lines]


def wanted_times(lines: Sequence[Line], lengths: Sequence[int], sample_rate: int) -> list[Wanted | None]:
    """Each line's own times, None for an untimed line.

    Lines share a cue if they say so (`same_cue`), or if they are one speaker's and start together, since
    nobody speaks two lines at once. Each then wants its part, in proportion to its clip; if the clips are
    longer than the cue, they share the gap after it too.
    """
    wanted = [_wanted(line, sample_rate) for line in lines]
    turns = Turns(wanted, sample_rate)
    for members in _shared_cues(lines, wanted):
        cue = _whole_cue([own for i in members if (own := wanted[i]) is not None])
        slot_end = turns.next_start(turns.after(cue.start, cue))
        parts = _divided(cue, slot_end, [lengths[i] for i in members])
        for i, part in zip(members, parts, strict=True):
            wanted[i] = part
    return wanted


def _wanted(line: Line, sample_rate: int) -> Wanted | None:
    if line.start_s is None:
        return None
    start = max(0, round(line.start_s * sample_rate))
    return Wanted(start, None if line.end_s is None else max(start, round(line.end_s * sample_rate)))


def _shared_cues(lines: Sequence[Line], wanted: Sequence[Wanted | None]) -> list[list[int]]:
    """The lines of each cue that has more than one, in script order."""
    cues: list[list[int]] = []
    by_start: dict[tuple[int, int], list[int]] = {}
    previous: list[int] | None = None
    for i, (line, own) in enumerate(zip(lines, wanted, strict=True)):
        if own is None:
            previous = None
            continue
        key = (line.speaker, own.start)
        cue = (previous if line.same_cue else None) or by_start.get(key)
        if cue is None:
            cue = list[int]()
            cues.append(cue)
        cue.append(i)
        previous = by_start[key] = cue
    return [cue for cue in cues if len(cue) > 1]


def _whole_cue(members: Sequence[Wanted]) -> Wanted:
    ends = [member.end for member in members if member.end is not None]
    return Wanted(members[0].start, max(ends, default=None))


def _divided(cue: Wanted, slot_end: int, lengths: Sequence[int]) -> list[Wanted]:
    total = sum(lengths)
    own_length = 0 if cue.end is None else cue.end - cue.start
    span = max(own_length, min(total, slot_end - cue.start))
    parts: list[Wanted] = []
    spoken = 0
    for length in lengths:
        start = cue.start + span * spoken // max(1, total)
        spoken += length
        parts.append(Wanted(start, cue.start + span * spoken // max(1, total)))
    return parts
