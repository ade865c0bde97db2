"""The plan of a request: every line's place, the chapters, and the texts beside the tracks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fishd.core.delivery.chapters import ChapterMark, chapter_marks
from fishd.core.delivery.fitting import plan_timeline
from fishd.core.delivery.subtitles import spoken_cues, to_srt, to_vtt
from fishd.core.delivery.timeline import Break, Caption, Line, Placement, Timeline
from fishd.core.delivery.timing import to_timing_csv
from fishd.wire.assembly import AssemblyLine, AssemblyRequest

_BREAKS = (Break.LINE, Break.PARAGRAPH, Break.CHAPTER)  # by their pauses


@dataclass(frozen=True, slots=True)
class Programme:
    """`placements` follow the request's lines; a skipped line has none."""

    timeline: Timeline
    placements: tuple[Placement | None, ...]
    chapters: tuple[ChapterMark, ...]

    @property
    def length(self) -> int:
        return self.timeline.length

    @property
    def length_s(self) -> float:
        return self.timeline.seconds(self.timeline.length)


def plan_programme(request: AssemblyRequest, lengths: Sequence[int], sample_rate: int) -> Programme:
    """`lengths` are those of the lines' clips in samples, 0 for a line without one."""
    spoken = [n for n, line in enumerate(request.lines) if not line.skipped]
    lines = list(_plan_lines(request.lines, lengths, sample_rate))
    timeline = plan_timeline(lines, sample_rate, request.settings)
    placed = dict(zip(spoken, timeline.placements, strict=True))
    chapters = [
        replace(chapter, first_line=bisect_left(spoken, chapter.first_line)) for chapter in request.chapters
    ]
    placements = tuple(placed.get(n) for n in range(len(request.lines)))
    return Programme(timeline, placements, chapter_marks(chapters, timeline))


def texts_of(request: AssemblyRequest, timeline: Timeline) -> dict[str, str]:
    """The subtitles and the table of times, by their paths."""
    captions = [
        Caption(line.id, request.speakers[line.speaker].name, line.text)
        for line in request.lines
        if not line.skipped
    ]
    cues = spoken_cues(timeline, captions)
    tracks = request.tracks
    texts = {
        tracks.srt: to_srt(cues),
        tracks.vtt: to_vtt(cues),
        tracks.timing: to_timing_csv(timeline, captions),
    }
    return {path: text for path, text in texts.items() if path is not None}


def _plan_lines(lines: Sequence[AssemblyLine], lengths: Sequence[int], sample_rate: int) -> Iterator[Line]:
    """The spoken lines. What a skipped line would have begun, a chapter or a cue, the next one begins."""
    skipped_break, skipped_same_cue = Break.LINE, True
    for line, length in zip(lines, lengths, strict=True):
        pause = max(skipped_break, line.break_before, key=_BREAKS.index)
        same_cue = skipped_same_cue and line.same_cue
        if line.skipped:
            skipped_break, skipped_same_cue = pause, same_cue
            continue
        skipped_break, skipped_same_cue = Break.LINE, True
        yield Line(line.speaker, length, sample_rate, line.start_s, line.end_s, pause, same_cue)
