"""The content of a bundle's manifest, before any file that it names is opened; the same for both forms.

A manifest may be incomplete; the faults that were returned with it say where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
    """One segment. An empty `id` stands for the default, its position."""

    where: str
    text: TextValue
    id: str
    language: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class SpeakerEntry:
    """One speaker. None stands for a value that is missing or bad and has its fault already."""

    where: str
    name: TextValue | None
    language: str
    references: tuple[FileRef, ...]
    transcript: FileRef | TextValue | None
    segments: tuple[SegmentEntry, ...] | FileRef

    def files(self) -> Iterator[FileRef]:
        """Every file that the speaker names."""
        yield from self.references
        for source in (self.transcript, self.segments):
            if isinstance(source, FileRef):
                yield source


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole bundle."""

    title: str
    priority: int = 0
    format: str = "wav"
    speakers: tuple[SpeakerEntry, ...] = ()
    engine_options: Mapping[str, object] = field(default_factory=dict[str, object])
    reuse: bool | None = None

    def files(self) -> Iterator[FileRef]:
        """Every file that it names, once for each place that names it."""
        for speaker in self.speakers:
            yield from speaker.files()
