"""Every line of a job in the script's order, as the page shows it: state, times, text, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from fishd.core.model.result import Result, SegmentResult, SkippedResult
from fishd.core.text.humanize import clock, count, duration
from fishd.core.text.printable import encodable, to_printable

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_AUDIBLE_SPEED = 1.001


class LineState(StrEnum):
    """The states that the page distinguishes; in its markup as `data-state`."""

    DONE = "done"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """A line's texts are printable; `speaker_name` and `id` name it exactly, as result.json does.

    `number` counts the page's lines from 1, `speaker` the result's speakers from 0; None for a skipped line.
    `start_s` is its place on the timeline, `seconds` how long it is there.
    """

    number: int
    state: LineState
    speaker: int | None
    speaker_name: str
    id: str
    who: str
    label: str
    language: str
    text: str
    spoken: str
    clip: str
    start_s: float
    seconds: float
    at: str
    length: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def lines(result: Result) -> list[Line]:
    """In script order, where the result records it; else by time; else speaker after speaker."""
    found: list[Line] = []
    end_s = 0.0
    for number, (speaker, name, language, line) in enumerate(_in_order(result), 1):
        at_s = line.at_s if isinstance(line, SegmentResult) else None
        known = line.start_s if at_s is None else at_s
        start_s = end_s if known is None else max(known, 0.0)
        if isinstance(line, SegmentResult):
            shown = _spoken(
                number, speaker, name, language, line, start_s=start_s, is_timed=known is not None
            )
        else:
            shown = _skipped(number, line, start_s)
        found.append(shown)
        end_s = start_s + shown.seconds
    return found


def url(path: str) -> str:
    """A path below the result's folder, as a relative URL: no character of a name has a meaning in it."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/")


def language_tag(language: str) -> str:
    """The language if it has the form of a BCP 47 tag, else nothing."""
    return language if _LANGUAGE.fullmatch(language) else ""


_Placed = tuple[int | None, str, str, SegmentResult | SkippedResult]


def _in_order(result: Result) -> list[_Placed]:
    placed: list[_Placed] = [
        (number, speaker.name, language_tag(speaker.language), segment)
        for number, speaker in enumerate(result.speakers)
        for segment in speaker.segments
    ]
    placed += [(None, line.speaker, "", line) for line in result.skipped]
    if all(line.position is not None for *_, line in placed):
        return sorted(placed, key=lambda one: one[3].position or 0)
    if all(line.start_s is not None for *_, line in placed):
        return sorted(placed, key=lambda one: one[3].start_s or 0.0)
    return placed


def _spoken(
    number: int,
    speaker: int | None,
    name: str,
    language: str,
    segment: SegmentResult,
    *,
    start_s: float,
    is_timed: bool,
) -> Line:
    is_done = segment.status == "done"
    return Line(
        number=number,
        state=_state(segment),
        speaker=speaker,
        speaker_name=encodable(name),
        id=encodable(segment.id),
        who=to_printable(name),
        label=to_printable(segment.id),
        language=language,
        text=to_printable(segment.text),
        spoken=to_printable(segment.spoken or ""),
        clip=url(segment.clip) if is_done and segment.clip else "",
        start_s=start_s,
        seconds=_seconds(segment, start_s),
        at=clock(start_s) if is_timed else "",
        length=duration(segment.duration_s) if segment.duration_s is not None else "",
        faults=tuple(map(to_printable, _faults(segment))),
        notes=tuple(_notes(segment)),
    )


def _skipped(number: int, line: SkippedResult, start_s: float) -> Line:
    wanted = (line.end_s or 0.0) - (line.start_s or 0.0)
    return Line(
        number=number,
        state=LineState.SKIPPED,
        speaker=None,
        speaker_name=encodable(line.speaker),
        id=encodable(line.id),
        who=to_printable(line.speaker),
        label=to_printable(line.id),
        language="",
        text=to_printable(line.text),
        spoken="",
        clip="",
        start_s=start_s,
        seconds=max(wanted, 0.0) if line.start_s is not None else 0.0,
        at=clock(start_s) if line.start_s is not None else "",
        length="",
        faults=(),
        notes=(),
    )


def _state(segment: SegmentResult) -> LineState:
    if segment.status != "done":
        return LineState.FAILED
    return LineState.DOUBTFUL if segment.is_doubtful else LineState.DONE


def _seconds(segment: SegmentResult, start_s: float) -> float:
    """How long it is heard; of a failed line how long it was wanted."""
    if segment.duration_s is not None:
        return segment.duration_s
    return max(segment.end_s - start_s, 0.0) if segment.end_s is not None else 0.0


def _faults(segment: SegmentResult) -> Iterator[str]:
    if segment.status != "done":
        yield segment.error or "it was not spoken"
    elif segment.quality:
        yield from (fault.text for fault in segment.quality.faults)
    if segment.overrun_s:
        yield f"{segment.overrun_s:.2f} s too long: it runs into what follows"


def _notes(segment: SegmentResult) -> Iterator[str]:
    if segment.takes > 1:
        yield count(segment.takes, "take")
    if segment.speed and segment.speed > _AUDIBLE_SPEED:
        yield f"×{segment.speed:.2f}"
