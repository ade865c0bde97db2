"""What a summary shows of a delivery: tracks, chapters, levels, lines that do not fit, and skipped lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment

from fishd.core.model.result import ChapterResult, Result, SegmentResult, SkippedResult, SpeakerResult
from fishd.core.text.humanize import clock, count, human_size
from fishd.view.crop import cropped
from fishd.view.layout import DIM, NAME, ODD, Cell, Column, and_more, heading, table
from fishd.view.report.faults import ELSEWHERE

_MOST_ROWS = 20  # of each table
_NAME_CELLS = 60
_AUDIBLE_SPEED = 1.001
_TRACKS = (Column("Track"), Column("Length", right=True), Column("Size", right=True))
_CHAPTERS = (Column("Chapter"), Column("Begins", right=True), Column("Length", right=True))
_LEVELS = (Column("Speaker"), Column("As spoken", right=True), Column("Gain", right=True))
_OVERRUNS = (
    Column("Line"),
    Column("Id"),
    Column("Speaker"),
    Column("At", right=True),
    Column("Too long by", right=True),
)
_SKIPPED = (Column("Skipped line"), Column("Id"), Column("At", right=True))
_TIMES = "  The times as spoken are in tracks/: subtitles.srt, subtitles.vtt, timing.csv.\n"
_NO_VALUE = Cell("–", DIM)


def tracks(result: Result) -> Iterator[Segment]:
    """The tracks and, beside them, subtitles and timings; how many lines were changed to fit their times."""
    if not result.tracks:
        return
    yield from heading("Tracks")
    rows = [
        (
            Cell(cropped(track.path, _NAME_CELLS), NAME),
            Cell(clock(track.duration_s)),
            Cell(human_size(track.size_bytes)),
        )
        for track in result.tracks[:_MOST_ROWS]
    ]
    yield from table(_TRACKS, rows)
    yield from and_more(len(result.tracks) - _MOST_ROWS, "track", ELSEWHERE)
    yield Segment(_TIMES, DIM)
    speeds = [segment.speed for _, segment in _segments(result) if segment.speed]
    if faster := [speed for speed in speeds if speed > _AUDIBLE_SPEED]:
        lines = count(len(faster), "line")
        yield Segment(f"  {lines} sped up to fit, at most ×{max(faster):.2f}.\n", DIM)


def chapters(result: Result) -> Iterator[Segment]:
    """The chapters of the tracks."""
    if not result.chapters:
        return
    yield from heading("Chapters")
    yield from table(_CHAPTERS, [_chapter_row(chapter) for chapter in result.chapters[:_MOST_ROWS]])
    yield from and_more(len(result.chapters) - _MOST_ROWS, "chapter", ELSEWHERE)


def levels(result: Result) -> Iterator[Segment]:
    """The loudness of each speaker's clips as spoken, and the gain that all of them got."""
    levelled = [speaker for speaker in result.speakers if speaker.loudness_lufs is not None]
    if not levelled:
        return
    yield from heading("Levels")
    yield from table(_LEVELS, [_level_row(speaker) for speaker in levelled[:_MOST_ROWS]])
    yield from and_more(len(levelled) - _MOST_ROWS, "speaker", ELSEWHERE)


def overruns(result: Result) -> Iterator[Segment]:
    """Lines that run into what follows: they are left whole, for someone to shorten."""
    late = [(speaker, segment) for speaker, segment in _segments(result) if segment.overrun_s]
    if not late:
        return
    yield from heading("Lines that do not fit")
    yield from table(_OVERRUNS, [_overrun_row(speaker, segment) for speaker, segment in late[:_MOST_ROWS]])
    yield from and_more(len(late) - _MOST_ROWS, "line", ELSEWHERE)


def skipped(result: Result) -> Iterator[Segment]:
    """Lines of the script that are not spoken: sounds, songs."""
    if not result.skipped:
        return
    yield from heading("Skipped lines")
    yield from table(_SKIPPED, [_skipped_row(line) for line in result.skipped[:_MOST_ROWS]])
    yield from and_more(len(result.skipped) - _MOST_ROWS, "line", ELSEWHERE)


def _segments(result: Result) -> Iterator[tuple[SpeakerResult, SegmentResult]]:
    return ((speaker, segment) for speaker in result.speakers for segment in speaker.segments)


def _chapter_row(chapter: ChapterResult) -> tuple[Cell, ...]:
    length_s = chapter.end_s - chapter.start_s
    return (
        Cell(cropped(chapter.title, _NAME_CELLS), NAME),
        Cell(clock(chapter.start_s)),
        Cell(clock(length_s)),
    )


def _level_row(speaker: SpeakerResult) -> tuple[Cell, ...]:
    return (
        Cell(cropped(speaker.name, _NAME_CELLS), NAME),
        Cell(f"{speaker.loudness_lufs:.1f} LUFS"),
        Cell(f"{speaker.gain_db or 0.0:+.1f} dB"),
    )


def _overrun_row(speaker: SpeakerResult, segment: SegmentResult) -> tuple[Cell, ...]:
    return (
        Cell(cropped(segment.text, _NAME_CELLS)),
        Cell(cropped(segment.id, 12), DIM),
        Cell(cropped(speaker.name, 16), NAME),
        _NO_VALUE if segment.at_s is None else Cell(clock(segment.at_s)),
        Cell(f"{segment.overrun_s or 0.0:.2f} s", ODD),
    )


def _skipped_row(line: SkippedResult) -> tuple[Cell, ...]:
    return (
        Cell(cropped(line.text, _NAME_CELLS)),
        Cell(cropped(line.id, 20), DIM),
        _NO_VALUE if line.start_s is None else Cell(clock(line.start_s)),
    )
