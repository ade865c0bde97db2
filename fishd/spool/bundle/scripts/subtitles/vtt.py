"""WebVTT (.vtt), as https://www.w3.org/TR/webvtt1/ has it: blocks of lines between blank lines.

It is read as tolerantly as browsers do, but text outside of a cue, which they drop silently, is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.blocks import blocks
from fishd.spool.bundle.scripts.draft import language_tag, quoted, speech
from fishd.spool.bundle.scripts.markup import unescape
from fishd.spool.bundle.scripts.subtitles.cues import Cue, Voice, add_cues, cue_place
from fishd.spool.bundle.scripts.subtitles.tags import without_tags
from fishd.spool.bundle.scripts.subtitles.time_line import parse_time_line

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_ARROW = "-->"
_NOT_CUES = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_LANGUAGE = re.compile(r"^Language:(.*)$", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s++([^<>]*+)>")


def read_vtt(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    add_cues(_cues(blocks(map(str.strip, text.split("\n"))), draft), _voices, draft)


def _cues(found: Iterable[tuple[int, list[str]]], draft: ScriptDraft) -> Iterator[Cue]:
    position = 0
    for first, lines in found:
        timed = [n for n, line in enumerate(lines) if _ARROW in line]
        if timed and timed[0] < 2:
            position += 1
            yield from _cue(first, lines, timed, position, draft)
        elif lines[0].startswith("WEBVTT") and not position:
            _read_header(lines, draft)
        elif not _NOT_CUES.match(lines[0]):
            what = f"{quoted(lines[0])} is outside of a cue; write its times in the line above it"
            draft.fault(f":{first}", what)


def _cue(first: int, lines: list[str], timed: list[int], position: int, draft: ScriptDraft) -> Iterator[Cue]:
    """No cue after a fault. `timed` are the block's lines with an arrow, of which there must be one."""
    at = timed[0]
    label = speech(lines[0])[: draft.limits.name_chars] if at else str(position)
    times = parse_time_line(lines[at], cue_place(first + at, label), draft)
    for other in timed[1:]:
        draft.fault(f":{first + other}", f"{quoted(lines[other])} needs a blank line in front of its cue")
    if times:
        yield Cue(first + at, label, *times, "\n".join(lines[at + 1 :]))


def _read_header(lines: Sequence[str], draft: ScriptDraft) -> None:
    language = _LANGUAGE.search("\n".join(lines))
    draft.language = language_tag(language[1]) if language else ""


def _voices(cue: Cue) -> Iterator[Voice]:
    """`<v Mara>Hello.</v> <v Bob>Hi.` -> two voices."""
    before, *spans = _VOICE.split(cue.text)
    for name, said in zip(["", *spans[::2]], [before, *spans[1::2]], strict=True):
        if text := without_tags(said).strip():
            yield Voice(text, unescape(name))
