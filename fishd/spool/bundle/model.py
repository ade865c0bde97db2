"""What a bundle asks for, before any file that it names is opened: the common ground of both its forms.

A draft may be incomplete: what is wrong with it stands in the faults that came with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Named:
    """A file that the bundle names: `where` names it, `path` is below the bundle, both as written."""

    where: str
    path: str


@dataclass(frozen=True, slots=True)
class Written:
    """A text that stands in the bundle: `where` is its place."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """One line. `id` is empty where the default, its position, is to be taken."""

    where: str
    text: Written
    id: str
    language: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class SpeakerDraft:
    """A speaker as asked for; None stands for what is missing and has its fault already."""

    where: str
    name: Written | None
    language: str
    references: tuple[Named, ...]
    transcript: Named | Written | None
    segments: tuple[SegmentDraft, ...] | Named

    def files(self) -> Iterator[Named]:
        """Every file that it names."""
        yield from self.references
        for source in (self.transcript, self.segments):
            if isinstance(source, Named):
                yield source


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle as asked for."""

    title: str
    priority: int = 0
    format: str = "wav"
    speakers: tuple[SpeakerDraft, ...] = ()
    engine_options: Mapping[str, object] = field(default_factory=dict[str, object])
    reuse: bool | None = None

    def files(self) -> Iterator[Named]:
        """Every file that it names, once for each place that names it."""
        for speaker in self.speakers:
            yield from speaker.files()
