"""SubStation Alpha (.ass, .ssa): the Dialogue lines of the [Events] section.

Their fields are in the order of the section's Format line; the last field is the text and may hold commas.
Comments, drawings and override blocks are not text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.draft import quoted
from fishd.spool.bundle.scripts.subtitles.cues import Cue, Voice, add_cues, cue_place
from fishd.spool.bundle.scripts.timestamps import parse_timestamp

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_NO_TITLES = ("Default Aegisub file", "<untitled>")  # what editors fill in
_OVERRIDES = re.compile(r"\{([^{}]*)\}")
_DRAWING = re.compile(r"\\p(\d)")
_LINE_BREAK = re.compile(r"\\[Nn]")


def read_ass(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    add_cues(_cues(text, draft), _voices, draft)


def _cues(text: str, draft: ScriptDraft) -> Iterator[Cue]:
    section, fields = "", _FIELDS
    position = 0
    for n, line in enumerate(text.split("\n"), 1):
        key, _, value = line.strip().partition(":")
        match section, key.lower():
            case _ if key.startswith("["):
                section = key.lower()
            case "[script info]", "title":
                draft.title = "" if value.strip() in _NO_TITLES else value
            case "[events]", "format":
                fields = tuple(field.strip().lower() for field in value.split(","))
            case "[events]", "dialogue":
                position += 1
                yield from _cue(n, str(position), fields, value, draft)
            case _:
                pass
    if not position:
        draft.fault("", "has no Dialogue line in an [Events] section")


def _cue(line: int, label: str, fields: tuple[str, ...], value: str, draft: ScriptDraft) -> Iterator[Cue]:
    """No cue after a fault."""
    place = cue_place(line, label)
    values = value.split(",", len(fields) - 1)
    if len(values) < len(fields):
        draft.fault(place, f"has {len(values)} fields; its Format line names {len(fields)}")
        return
    found = dict.fromkeys(("start", "end", "text"), "") | dict(zip(fields, values, strict=True))
    start, end = parse_timestamp(found["start"]), parse_timestamp(found["end"])
    if start is None or end is None:
        written = quoted(f"{found['start']},{found['end']}")
        draft.fault(place, f"{written} are not a start and an end; write 0:01:02.50,0:01:05.00")
        return
    speaker = found.get("name", found.get("actor", ""))
    yield Cue(line, label, start, end, found["text"], speaker)


def _voices(cue: Cue) -> Iterator[Voice]:
    yield Voice(_text(cue.text), cue.speaker)


def _text(written: str) -> str:
    r"""Without override blocks, and without the drawings that `{\p1}` begins and `{\p0}` ends."""
    shown: list[str] = []
    is_drawing = False
    for n, part in enumerate(_OVERRIDES.split(written)):
        if n % 2:
            modes = _DRAWING.findall(part)
            is_drawing = modes[-1] != "0" if modes else is_drawing
        elif not is_drawing:
            shown.append(part)
    return _LINE_BREAK.sub("\n", "".join(shown)).replace("\\h", " ")
