"""Where the chapters of a programme begin and end, for players that list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from fishd.core.delivery.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the script; `first_line` is the index of its first line (its title, if that is spoken)."""

    title: str
    first_line: int


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter of the track, in samples and in milliseconds; each ends where the next begins."""

    title: str
    start: int
    end: int
    start_ms: int
    end_ms: int


def chapter_marks(chapters: Sequence[Chapter], timeline: Timeline) -> tuple[ChapterMark, ...]:
    """The chapters by their start; together they cover the programme.

    What comes before the first chapter belongs to it. Chapters that begin at the same moment (a part and its
    first chapter) are one, with both titles; one that has no lines at the end of the script is left out.
    """
    starts = [
        (timeline.placements[chapter.first_line].start, chapter.title)
        for chapter in chapters
        if chapter.first_line < len(timeline.placements)
    ]
    starts.sort(key=lambda mark: mark[0])
    merged = [
        (start, " – ".join(title for _, title in group))
        for start, group in groupby(starts, key=lambda mark: mark[0])
    ]
    bounds = [0, *(start for start, _ in merged[1:]), timeline.length]
    ms = [timeline.milliseconds(bound) for bound in bounds]
    return tuple(
        ChapterMark(title, bounds[n], bounds[n + 1], ms[n], ms[n + 1]) for n, (_, title) in enumerate(merged)
    )
