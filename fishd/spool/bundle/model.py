"""What a bundle asks for, before any file that it names is opened: the common ground of both its forms.

A draft may be incomplete: what is wrong with it stands in the faults that came with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that the bundle names: `where` names it, `path` is below the bundle, both as written."""

    where: str
    path: str


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text that stands in the bundle: `where` is its place."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One line. `id` is empty where the default, its position, is to be taken."""

    where: str
    text: TextValue
    id: str
    language: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class SpeakerEntry:
    """A speaker as asked for; None stands for what is missing and has its fault already."""

    where: str
    name: TextValue | None
    language: str
    references: tuple[FileRef, ...]
    transcript: FileRef | TextValue | None
    segments: tuple[SegmentEntry, ...] | FileRef

    def files(self) -> Iterator[FileRef]:
        """Every file that it names."""
        yield from self.references
        for source in (self.transcript, self.segments):
            if isinstance(source, FileRef):
                yield source


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle as asked for."""

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
