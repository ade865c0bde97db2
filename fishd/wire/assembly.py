"""What the daemon asks of the assembly process, and what that process says on its standard output.

The request is a JSON file. The answers are one JSON object a line, told apart by "type": progress again and
again, then as the last line either the result or a fault. The result of a long job is a line of megabytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fishd.core.delivery.chapters import Chapter, ChapterMark
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break, Placement

FaultKind = Literal["request", "clip", "missing", "disk", "internal"]


# ---- the request -----------------------------------------------------------------------------------


class AssemblyLine(msgspec.Struct, frozen=True):
    """A line of the script.

    `clip` is its raw clip below `source`: 16-bit mono WAV, at the same sample rate as all others; None for a
    line that failed, which keeps its place in silence. `published` is where its clip goes below `target`; the
    suffix is the format: wav, flac, opus or mp3. `text` is what the subtitles say. A `skipped` line is not
    spoken and has no place.
    """

    speaker: int
    id: str
    text: str
    clip: str | None = None
    published: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    break_before: Break = Break.LINE
    same_cue: bool = False
    skipped: bool = False


class AssemblySpeaker(msgspec.Struct, frozen=True):
    """`stem` is where a track of this speaker alone goes, below `target`; None for no such track."""

    name: str
    stem: str | None = None


class AssemblyTracks(msgspec.Struct, frozen=True):
    """Paths below `target`; None is not made. An audio file's suffix is its format: flac wav opus mp3 m4b."""

    mix: str | None = None
    book: str | None = None  # the mix once more: m4b
    srt: str | None = None
    vtt: str | None = None
    timing: str | None = None


class AssemblyMetadata(msgspec.Struct, frozen=True):
    """What the tracks say of themselves. `cover` is the absolute path of a JPEG or PNG, for an m4b."""

    title: str = ""
    author: str = ""
    language: str = ""
    cover: str | None = None


class AssemblyRequest(msgspec.Struct, frozen=True):
    """`source` and `target` are absolute folders; `target` must not exist yet, its parent must.

    Of `settings`, loudness, peak and the fitting's keys are used; formats and tracks are as the paths say.
    `chapters` count all lines, also skipped ones.
    """

    source: str
    target: str
    settings: DeliverySettings
    speakers: tuple[AssemblySpeaker, ...]
    lines: tuple[AssemblyLine, ...]
    chapters: tuple[Chapter, ...] = ()
    tracks: AssemblyTracks = AssemblyTracks()
    metadata: AssemblyMetadata = AssemblyMetadata()


# ---- the answers -----------------------------------------------------------------------------------


class AssemblyProgress(msgspec.Struct, frozen=True, tag="progress"):
    """Seconds of audio that went through, of all passes over it; at most twice a second."""

    done_s: float
    total_s: float


class SpeakerLevel(msgspec.Struct, frozen=True):
    """What was measured of a speaker's raw clips, and the gain that all of them got.

    The loudness is integrated over all clips (BS.1770-4). None: not measured, or silence.
    """

    loudness_lufs: float | None
    true_peak_dbtp: float | None
    gain_db: float


class WrittenFile(msgspec.Struct, frozen=True):
    """A file below `target`. `content_hash` is of its bytes (core/model/hashes.py)."""

    path: str
    size_bytes: int
    content_hash: str
    duration_s: float | None = None


class AssemblyResult(msgspec.Struct, frozen=True, tag="result"):
    """Everything is written, and yet to be synced. `length` is the programme's, in samples.

    `speakers` and `placements` follow the request's speakers and lines; a skipped line has no placement.
    """

    sample_rate: int
    length: int
    speakers: tuple[SpeakerLevel, ...]
    placements: tuple[Placement | None, ...]
    files: tuple[WrittenFile, ...]
    warnings: tuple[str, ...] = ()
    chapters: tuple[ChapterMark, ...] = ()


class AssemblyFault(msgspec.Struct, frozen=True, tag="fault"):
    """Nothing came of it; the target folder is to be removed.

    `kind` is "request" (it makes no sense), "clip" (raw clips cannot be used: `clips` says what is wrong with
    each, `where` is the first), "missing" (a package is not installed), "disk" (with `errno`; to be tried
    again) or "internal" (the traceback is on standard error).
    """

    kind: FaultKind
    where: str
    what: str
    errno: int = 0
    clips: dict[str, str] = {}


AssemblyAnswer = AssemblyProgress | AssemblyResult | AssemblyFault
