"""A job and its parts: speakers, segments, clips, faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.settings import ClipFormat, DeliverySettings, Track
from fishd.core.delivery.timeline import Break
from fishd.core.quality.faults import QualityFault
from fishd.core.quality.settings import QualitySettings
from fishd.core.quality.take_quality import TakeQuality


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault `what` at the place `where` (`speakers[1].segments[3].text`, `bob.flac`)."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of text that one speaker says.

    `clip` is its file below the result's folder, `raw_clip` the file that a worker writes in its place, "" if
    that is the same: clips may be delivered in another format. `spoken` is the text with its
    pronunciations, "" where there are none. `position` counts all lines of the script, of every speaker;
    `start` and `end` are wanted times in seconds. `same_cue`: it shares the subtitle of the line before it.
    """

    id: str
    text: str
    language: str
    clip: str
    start: float | None = None
    end: float | None = None
    raw_clip: str = ""
    spoken: str = ""
    position: int = 0
    break_before: Break = Break.LINE
    same_cue: bool = False
    earlier_takes: int = 0  # of earlier revisions: the numbers of its takes go on after them

    @property
    def take_clip(self) -> str:
        """The file that a worker writes, for the first take."""
        return self.raw_clip or self.clip

    def take_path(self, number: int) -> str:
        """The file of the `number`-th take: a later take must not replace an earlier one that is better."""
        if number == 1:
            return self.take_clip
        return f"takes/{number}/{self.take_clip}"

    @property
    def speech(self) -> str:
        """What the engine is to speak."""
        return self.spoken or self.text


@dataclass(frozen=True, slots=True)
class Speaker:
    """A name with reference clips and their transcript.

    `references` are paths in the bundle; `files` are the daemon's own copies of them, for workers.
    `voice_key` is a hash of the reference clips' bytes, the transcript and the language.
    """

    name: str
    references: tuple[str, ...]
    transcript: str
    language: str
    voice_key: str
    segments: tuple[Segment, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line of the script that nobody speaks: a sound, a song. `speaker` is as the script names them."""

    id: str
    text: str
    speaker: str
    position: int
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A bundle that was read without faults. `name` is its folder's name in work/.

    `tracks` are to be built from its clips. `chapters` begin at positions of the script. `has_cover`: there
    is a picture in work/NAME/cover.
    """

    name: str
    title: str
    priority: int
    speakers: tuple[Speaker, ...]
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    tracks: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()
    author: str = ""
    language: str = ""
    has_cover: bool = False
    engine_options: Mapping[str, object] = field(default_factory=dict[str, object])
    warnings: tuple[Fault, ...] = ()
    pronounce: Mapping[str, str] = field(default_factory=dict[str, str])
    retry: int = 0  # how often an earlier job of the same bundle was retried
    reuse: bool | None = None  # may clips of earlier jobs be reused; None: as configured

    def segments(self) -> Iterator[tuple[int, int, Segment]]:
        """Every segment, with the positions of its speaker and of itself."""
        for s, speaker in enumerate(self.speakers):
            for n, segment in enumerate(speaker.segments):
                yield s, n, segment

    @property
    def is_assembled(self) -> bool:
        """Are its clips and tracks made after the last line is spoken?"""
        return self.delivery.needs_assembly(self.tracks)

    @property
    def take_format(self) -> ClipFormat:
        """The format in which workers write clips."""
        return self.delivery.take_format(self.tracks)

    @property
    def num_segments(self) -> int:
        return sum(len(speaker.segments) for speaker in self.speakers)


class JobStatus(StrEnum):
    """How a job ended."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Clip:
    """The audio file of a spoken take. `path` is below work/NAME/out. `takes` is the take's number.

    `work_s` is the time from the take's start until its clip is on disk. `content_hash` is of the file's
    bytes (hashes.py); "" in journals of older versions. `quality` is None for a take that was not checked.
    """

    path: str
    duration_s: float
    takes: int
    seed: int
    worker: int
    device: str
    work_s: float
    content_hash: str = ""
    quality: TakeQuality | None = None

    @property
    def faults(self) -> tuple[QualityFault, ...]:
        """Why the take is not good enough; empty if it is, or was not checked."""
        return self.quality.faults if self.quality else ()


@dataclass(frozen=True, slots=True)
class SegmentFailure:
    """The failed takes of a segment so far; `deaths` of them were lost with their worker.

    `is_final`: the segment has failed. `can_retry`: another seed may succeed.
    """

    takes: int
    deaths: int
    reason: str
    is_final: bool
    can_retry: bool = True
