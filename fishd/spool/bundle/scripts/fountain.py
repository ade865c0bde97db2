"""Screenplays in Fountain (.fountain), as https://fountain.io/syntax has it: the dialogue is spoken.

Action, transitions, parentheticals, notes and synopses are not. A scene heading is a paragraph's break.
Lyrics are songs. What is said under one character's name is one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.blocks import blocks
from fishd.spool.bundle.scripts.model import Break, ScriptLine
from fishd.spool.bundle.scripts.sounds import spoken_part
from fishd.spool.bundle.scripts.speakers import SpeakerNames

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_TITLE_KEYS = frozenset(
    ("title", "credit", "author", "authors", "source", "draft date", "date", "contact", "copyright", "notes")
)
_TITLE_KEY = re.compile(r"([A-Za-z][A-Za-z ]*):")
_SCENE = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]|\.(?=\w)", re.IGNORECASE)
_CHARACTER_CHARS = 80
_EXTENSION = re.compile(r"\([^()]*\)")
_EMPHASIS = re.compile(r"\\(?=[*_\\])|(?<!\\)\*+|(?<![\\\w])_++|(?<![\\_])_++(?!\w)")
_FORCED = ("!", "#", "=", "~", ">", "(")  # what other elements begin with


def read_fountain(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    lines = _without(_without(text, "/*", "*/"), "[[", "]]").split("\n")
    names = SpeakerNames(draft.settings.speakers)
    breaks = Break.PARAGRAPH
    for first, block in blocks(line.strip() or " " * (len(line) > 1) for line in lines):  # two spaces: a line
        if first == 1 and block[0].partition(":")[0].lower() in _TITLE_KEYS:
            _read_title_page(block, draft)
        elif _SCENE.match(block[0]):
            breaks = Break.PARAGRAPH
        elif len(block) > 1 and _is_character(block[0], names):
            speaker = names.without_extension(block[0].removeprefix("@").removesuffix("^"))
            for n, said, is_song in _said(first + 1, block[1:]):
                _add(n, speaker, said, draft, breaks=breaks, is_song=is_song)
                breaks = Break.LINE


def _without(text: str, opening: str, closing: str) -> str:
    """The text without what stands between the marks, but with its line breaks."""
    kept: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + 2)) >= 0:
        kept += (text[at:start], "\n" * text.count("\n", start, end))
        at = end + len(closing)
    return "".join((*kept, text[at:]))


def _read_title_page(lines: Sequence[str], draft: ScriptDraft) -> None:
    entries: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        if written := _TITLE_KEY.match(line):
            key = written[1].lower()
        entries.setdefault(key, []).append(line[written.end() :] if written else line)
    draft.title = _EMPHASIS.sub("", " ".join(entries.get("title", ())))
    draft.author = " ".join(entries.get("author", entries.get("authors", ())))


def _is_character(line: str, names: SpeakerNames) -> bool:
    if line.startswith("@") or names.is_known(line.removesuffix("^")):
        return True
    name = _EXTENSION.sub("", line) if len(line) <= _CHARACTER_CHARS else ""
    return name.isupper() and not line.startswith(_FORCED)


def _said(first: int, lines: Sequence[str]) -> Iterator[tuple[int, list[str], bool]]:
    """(number of the first line, lines, are they lyrics) of each part of a speech."""
    spoken = ((n, line) for n, line in enumerate(lines, first) if not _EXTENSION.fullmatch(line))
    for is_song, part in groupby(spoken, key=lambda numbered: numbered[1].startswith("~")):
        numbered = list(part)
        yield numbered[0][0], [_EMPHASIS.sub("", line.removeprefix("~")) for _, line in numbered], is_song


def _add(
    n: int, speaker: str, said: Sequence[str], draft: ScriptDraft, *, breaks: Break, is_song: bool
) -> None:
    skip = draft.settings.skip
    text, is_skipped = spoken_part(said, skip)
    is_lyric = is_song and (skip is None or "~" in skip)
    if text:
        place = f"{draft.name}:{n}"
        line = ScriptLine(place, text, speaker, break_before=breaks, is_skipped=is_skipped or is_lyric)
        draft.add(line)
