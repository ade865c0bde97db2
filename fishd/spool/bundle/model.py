"""The content of a bundle's manifest, before any file that it names is opened; the same for both forms.

A manifest may be incomplete; the faults that were returned with it say where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fishd.core.delivery.timeline import Break

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that the bundle names: `where` is the key, `path` the path in the bundle, both as written."""

    where: str
    path: str


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text in the bundle: `where` is its place."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment. An empty `id` stands for the default, its number; an empty language for the speaker's.

    `position` counts all lines of a script; None stands for the order in the manifest. `id_where` is the
    place of the id.
    """

    where: str
    text: TextValue
    id: str
    language: str
    start: float | None = None
    end: float | None = None
    position: int | None = None
    break_before: Break = Break.LINE
    same_cue: bool = False
    id_where: str = ""


@dataclass(frozen=True, slots=True)
class SpeakerEntry:
    """One speaker. None stands for a value that is missing or bad and has its fault already.

    `voice` names one of the library in place of references and transcript. `segments` are empty where a
    script has the lines.
    """

    where: str
    name: TextValue | None
    language: str
    references: tuple[FileRef, ...] = ()
    transcript: FileRef | TextValue | None = None
    segments: tuple[SegmentEntry, ...] | FileRef = ()
    voice: TextValue | None = None
    aliases: tuple[str, ...] = ()

    def files(self) -> Iterator[FileRef]:
        """Every file that the speaker names."""
        yield from self.references
        for source in (self.transcript, self.segments):
            if isinstance(source, FileRef):
                yield source


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """The script that has the lines. `speaker` speaks those that name nobody; "" is the only speaker."""

    file: FileRef
    speaker: str = ""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    skip: tuple[str, ...] | None = None
    encoding: str = ""
    author: str = ""
    cover: FileRef | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole bundle. A title or language of "" was not given.

    `output` and `quality` are the keys of [output] and [quality].
    """

    title: str
    priority: int = 0
    language: str = ""
    output: Mapping[str, Any] = field(default_factory=dict[str, Any])
    quality: Mapping[str, Any] = field(default_factory=dict[str, Any])
    speakers: tuple[SpeakerEntry, ...] = ()
    script: ScriptEntry | None = None
    pronounce: Mapping[str, str] = field(default_factory=dict[str, str])
    engine_options: Mapping[str, object] = field(default_factory=dict[str, object])

    def files(self) -> Iterator[FileRef]:
        """Every file that it names, once for each place that names it."""
        for speaker in self.speakers:
            yield from speaker.files()
        if self.script:
            yield self.script.file
            if self.script.cover:
                yield self.script.cover
