"""subtitles.srt and subtitles.vtt: every line with the times at which it is spoken.

WebVTT is https://www.w3.org/TR/webvtt1/. SubRip has no standard and no escapes: its text is written as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fishd.core.delivery.timeline import Caption, Timeline

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: `text` has no blank line; `end_ms` is later than `start_ms`."""

    start_ms: int
    end_ms: int
    speaker: str
    text: str


def spoken_cues(timeline: Timeline, captions: Sequence[Caption]) -> list[Cue]:
    """The lines that are heard, in the order in which they begin; failed lines have no cue."""
    cues: list[Cue] = []
    for placement, caption in zip(timeline.placements, captions, strict=True):
        text = _without_blank_lines(caption.text)
        if placement.length and text:
            start_ms = timeline.milliseconds(placement.start)
            end_ms = max(start_ms + 1, timeline.milliseconds(placement.end))
            cues.append(Cue(start_ms, end_ms, _clean(" ".join(caption.speaker.split())), text))
    return sorted(cues, key=lambda cue: cue.start_ms)


def to_srt(cues: Iterable[Cue]) -> str:
    """SubRip, numbered from 1. An arrow in a text is replaced: parsers take it for a line of times."""
    return "\n".join(
        f"{n}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{cue.text.replace('-->', '→')}\n"
        for n, cue in enumerate(cues, start=1)
    )


def to_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT; the speaker is the cue's voice."""
    return "\n".join(("WEBVTT\n", *(_vtt_cue(cue) for cue in cues)))


def _vtt_cue(cue: Cue) -> str:
    voice = f"<v {cue.speaker.translate(_ESCAPES)}>" if cue.speaker else ""
    times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
    return f"{times}\n{voice}{cue.text.translate(_ESCAPES)}\n"


def _clock(ms: int, point: str) -> str:
    """`01:02:03,004`; hours have two digits or more."""
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{point}{ms % 1000:03}"


def _without_blank_lines(text: str) -> str:
    """A blank line would end the cue in both formats."""
    lines = (_clean(line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _clean(text: str) -> str:
    """Without control characters and lone surrogates, which no subtitle file may hold."""
    return "".join(char for char in text.replace("\t", " ") if unicodedata.category(char) not in ("Cc", "Cs"))
