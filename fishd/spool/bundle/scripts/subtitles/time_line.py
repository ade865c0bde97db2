"""The time line of a SubRip or WebVTT cue: `00:01:02,500 --> 00:01:05,000`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.draft import quoted
from fishd.spool.bundle.scripts.timestamps import parse_timestamp

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_ARROW = re.compile(r"\s*[-–—]{1,2}\s?>\s*")  # people and programs write it in a few ways
_LOOKS_TIMED = re.compile(rf"\s*(?:\S{{1,20}})?{_ARROW.pattern}")
_LOOKS_LIKE_TIME = re.compile(r"\d:\d\d")
_MOST_CHARS = 200  # the patterns look at white space several times


def is_time_line(line: str) -> bool:
    """Whether a line is meant to give a cue's times, even if it gives them wrong; "A --> B" is not."""
    return (
        ">" in line
        and len(line) <= _MOST_CHARS
        and _LOOKS_TIMED.match(line) is not None
        and _LOOKS_LIKE_TIME.search(line) is not None
    )


def parse_time_line(line: str, place: str, draft: ScriptDraft) -> tuple[float, float] | None:
    """Start and end in seconds; None after a fault. What follows the end is ignored."""
    start_text, *rest = _ARROW.split(line[:_MOST_CHARS], maxsplit=1)
    end_text = rest[0].split() if rest else []
    start, end = parse_timestamp(start_text), parse_timestamp(end_text[0]) if end_text else None
    if start is None or end is None:
        draft.fault(place, f"{quoted(line)} is not a time span; write 00:01:02,500 --> 00:01:05,000")
        return None
    return start, end
