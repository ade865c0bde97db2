"""The result of reading a script file: lines to speak, chapters, faults and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.timeline import Break
from fishd.core.model.job import Fault


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line to speak. `place` names it for people: `episode.srt:41 (cue 12)`, `lines.csv row 7`.

    `text` is on one line, without markup. A line that is skipped is a sound, a song or holds no word; it
    keeps its text. `speaker` is "" where the script names nobody, `id` where it gives none.
    """

    place: str
    text: str
    speaker: str = ""
    id: str = ""
    language: str = ""
    start: float | None = None  # seconds
    end: float | None = None
    break_before: Break = Break.LINE
    same_cue: bool = False  # as the line before it: two voices in one subtitle, one after the other
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A script file as read. With faults it must not be spoken: lines may be missing."""

    lines: tuple[ScriptLine, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    title: str = ""
    author: str = ""
    language: str = ""
    cover: bytes | None = None  # JPEG or PNG, as it stands in the book
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """A job's [script] table, and the names and aliases of its speakers.

    `columns` maps id, speaker, text, language, start and end to a table's headers. `skip` are beginnings of
    lines that are not spoken; None stands for bracketed sounds and songs, which only prose does not have.
    `encoding` counts where the file is neither UTF-8 nor has a byte order mark.
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    skip: tuple[str, ...] | None = None
    encoding: str = ""
    speakers: tuple[str, ...] = ()
