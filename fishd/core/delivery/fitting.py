"""The fitting plan: a start and a speed for every line of a programme.

A timed line begins at its wanted start and has the time until the next line begins (`slots.py`). If its clip
is longer, these are tried in turn, each only as far as needed:
1. the gap after its cue, up to the next line;
2. more speed, up to `max_speed`;
3. a shift: the line begins earlier, by up to `max_shift_s` and not before the end of the line before it;
   then the next line begins later, by up to `max_shift_s`.
What is still left is reported as the line's overrun. Nothing is cut.

No speaker overlaps their own lines, and this rule is stronger than `max_shift_s`: a line is late by more than
that only if its speaker's previous line is still in the way although it is at full speed. For another speaker
a line waits `max_shift_s` at most, then it talks over the overrun. Lines of different speakers whose cues
overlap in the script may overlap.

Each line is placed by its own wanted time, in samples: as soon as a gap takes up a delay, lines are back on
their own times.

An untimed line follows the line before it in the script after a pause. It has no time of its own, so it is
never early or late; if timed lines follow, it is sped up as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush

from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.slots import NEVER, Turns, Wanted, clip_lengths, wanted_times
from fishd.core.delivery.timeline import Break, Line, Placement, Timeline

_PAUSES = {Break.LINE: 1, Break.PARAGRAPH: 2, Break.CHAPTER: 4}


def plan_timeline(lines: Sequence[Line], sample_rate: int, settings: DeliverySettings) -> Timeline:
    """Place the lines, given in script order; takes O(n log n)."""
    placements = _Fitter(lines, sample_rate, settings).place_all()
    length = max((max(p.end, p.wanted_end or 0) for p in placements), default=0)
    return Timeline(sample_rate, placements, length)


class _Fitter:
    """Places one line after another in the order of their wanted starts; knows what earlier lines occupy."""

    def __init__(self, lines: Sequence[Line], sample_rate: int, settings: DeliverySettings) -> None:
        self._lines = lines
        self._lengths = clip_lengths(lines, sample_rate)
        self._wanted = wanted_times(lines, self._lengths, sample_rate)
        self._turns = Turns(self._wanted, sample_rate)
        self._max_speed = settings.max_speed
        self._max_shift = round(settings.max_shift_s * sample_rate)
        self._pause = round(settings.pause_s * sample_rate)
        self._placements: dict[int, Placement] = {}
        self._speaker_ends: dict[int, int] = {}
        self._upcoming: list[tuple[int, int]] = []  # heap of (from when on a line has its turn after it, end)
        self._turn_end = 0  # the latest end of the lines after which the current one has its turn

    def place_all(self) -> tuple[Placement, ...]:
        order = _order(self._wanted)
        for i, own_next in zip(order, self._next_starts(order), strict=True):
            self._place(i, own_next)
        return tuple(self._placements[i] for i in range(len(order)))

    def _next_starts(self, order: Sequence[int]) -> list[int]:
        """For each line when its speaker's next timed line is wanted."""
        next_starts: list[int] = []
        by_speaker: dict[int, int] = {}
        for i in reversed(order):
            speaker, wanted = self._lines[i].speaker, self._wanted[i]
            next_starts.append(by_speaker.get(speaker, NEVER))
            if wanted is not None:
                by_speaker[speaker] = wanted.start
        return next_starts[::-1]

    def _place(self, i: int, own_next: int) -> None:
        wanted, speaker, clip_length = self._wanted[i], self._lines[i].speaker, self._lengths[i]
        earliest, start = self._untimed_window(i) if wanted is None else self._window(wanted, speaker)
        turn = self._turns.after(start, wanted)
        slot_end = min(own_next, self._turns.next_start(turn))
        length = _fitted(clip_length, slot_end - start, self._max_speed)
        start = max(earliest, min(start, slot_end - length))
        end = start + length
        self._placements[i] = Placement(
            speaker=speaker,
            start=start,
            length=length,
            clip_length=clip_length,
            wanted_start=None if wanted is None else wanted.start,
            wanted_end=None if wanted is None else wanted.end,
            overrun=max(0, end - slot_end - self._max_shift),
        )
        self._speaker_ends[speaker] = end
        heappush(self._upcoming, (turn, end))

    def _window(self, wanted: Wanted, speaker: int) -> tuple[int, int]:
        """The earliest start that is allowed, and the best: as wanted, or as soon after that as possible."""
        while self._upcoming and self._upcoming[0][0] <= wanted.start:
            self._turn_end = max(self._turn_end, heappop(self._upcoming)[1])
        latest = wanted.start + self._max_shift
        free = max(self._speaker_ends.get(speaker, 0), min(self._turn_end, latest))
        return max(free, wanted.start - self._max_shift), max(free, wanted.start)

    def _untimed_window(self, i: int) -> tuple[int, int]:
        line = self._lines[i]
        pause = self._pause * _PAUSES[line.break_before]
        start = self._placements[i - 1].end + pause if i else 0
        start = max(start, self._speaker_ends.get(line.speaker, 0))
        return start, start


def _order(wanted: Sequence[Wanted | None]) -> list[int]:
    """By wanted start; untimed lines come behind the timed line that is before them in the script."""
    anchors: list[int] = []
    anchor = -1  # before the first timed line
    for own in wanted:
        anchor = anchor if own is None else own.start
        anchors.append(anchor)
    return sorted(range(len(wanted)), key=lambda i: (anchors[i], wanted[i] is None))


def _fitted(clip_length: int, room: int, max_speed: float) -> int:
    """The clip's length at the least speed that fits it into the room, or at full speed if none does."""
    return min(clip_length, max(room, math.ceil(clip_length / max_speed)))
