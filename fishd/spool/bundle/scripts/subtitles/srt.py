"""SubRip (.srt): numbered cues, each with a time line and text.

There is no specification. As in most players, a cue's text may hold blank lines and its number may be
missing. A number without a time line, which players drop silently, is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.draft import quoted
from fishd.spool.bundle.scripts.subtitles.cues import Cue, Voice, add_cues, cue_place
from fishd.spool.bundle.scripts.subtitles.tags import without_tags
from fishd.spool.bundle.scripts.subtitles.time_line import is_time_line, parse_time_line

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_NUMBER = re.compile(r"\s*\d{1,9}\s*", re.ASCII)


def read_srt(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if is_time_line(line)]
    if not starts:
        draft.fault("", "has no cues: no line reads like 00:01:02,500 --> 00:01:05,000")
        return
    _check_preamble(lines[: starts[0]], draft)
    add_cues(_cues(lines, starts, draft), _voices, draft)


def _cues(lines: Sequence[str], starts: Sequence[int], draft: ScriptDraft) -> Iterator[Cue]:
    ends = [*(_without_number(lines, start) for start in starts[1:]), len(lines)]
    for position, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        number = lines[start - 1].strip() if _without_number(lines, start) < start else ""
        label = number or str(position)
        times = parse_time_line(lines[start], cue_place(start + 1, label), draft)
        text = _checked_text(lines, start + 1, end, int(label) + 1, draft)
        if times:
            yield Cue(start + 1, label, *times, text)


def _voices(cue: Cue) -> Iterator[Voice]:
    yield Voice(without_tags(cue.text))


def _without_number(lines: Sequence[str], start: int) -> int:
    """Where the cue of a time line begins: at the number above it, if there is one."""
    return start - 1 if start and _NUMBER.fullmatch(lines[start - 1]) else start


def _checked_text(lines: Sequence[str], start: int, end: int, following: int, draft: ScriptDraft) -> str:
    """A cue's text; the next cue's number in it, which no time line follows, is a fault."""
    for n in range(start + 1, end):
        if not lines[n - 1].strip() and _NUMBER.fullmatch(lines[n]) and int(lines[n]) == following:
            what = "has no time line; write 00:01:02,500 --> 00:01:05,000"
            draft.fault(cue_place(n + 1, str(following)), what)
            return "\n".join(lines[start:n])
    return "\n".join(lines[start:end])


def _check_preamble(lines: Sequence[str], draft: ScriptDraft) -> None:
    for n, line in enumerate(lines, 1):
        if line.strip() and not _NUMBER.fullmatch(line):
            draft.fault(f":{n}", f"{quoted(line)} stands in front of the first time line; remove it")
            return
