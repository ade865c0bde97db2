"""Each speaker's row on the page: what they say, their reference clips, their part of the timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fishd.core.model.result import Result, SpeakerResult
from fishd.core.text.humanize import count, duration
from fishd.core.text.printable import encodable, to_printable
from fishd.view.page.lines import Line, LineState, url
from fishd.view.page.timeline import Timeline


@dataclass(frozen=True, slots=True)
class SpeakerRow:
    """`bars` are paths of the timeline by state; `references` are URLs."""

    number: int
    name: str  # as in `data-speaker` of its lines
    who: str
    language: str
    summary: str
    doubtful: int
    failed: int
    references: tuple[str, ...]
    bars: dict[LineState, str]


def speaker_rows(result: Result, found: Sequence[Line], drawn: Timeline) -> list[SpeakerRow]:
    """In the bundle's order; a speaker without lines has a row too."""
    states = Counter((line.speaker, line.state) for line in found)
    return [
        SpeakerRow(
            number=number,
            name=encodable(speaker.name),
            who=to_printable(speaker.name),
            language=to_printable(speaker.language),
            summary=", ".join(_summary(speaker)),
            doubtful=states[number, LineState.DOUBTFUL],
            failed=states[number, LineState.FAILED],
            references=tuple(map(url, speaker.references)),
            bars=drawn.rows.get(number, {}),
        )
        for number, speaker in enumerate(result.speakers)
    ]


def _summary(speaker: SpeakerResult) -> Iterator[str]:
    yield count(len(speaker.segments), "line")
    yield duration(sum(segment.duration_s or 0.0 for segment in speaker.segments))
    if speaker.loudness_lufs is not None:
        yield f"{speaker.loudness_lufs:.1f} LUFS {speaker.gain_db or 0.0:+.1f} dB"
