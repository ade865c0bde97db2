"""The shape of result.json, from which the summaries are rendered."""

from __future__ import annotations

import msgspec

from fishd.core.model.job import Fault, JobStatus


class FaultResult(msgspec.Struct, frozen=True):
    """What is wrong with a take: the kind, a text for people, and how bad it is, up to 1: useless."""

    kind: str
    text: str
    severity: float


class TakeResult(msgspec.Struct, frozen=True):
    """A take that gave a clip: its number, seed, faults; `file` is below .takes/TAKES_FOLDER, while kept."""

    take: int
    seed: int
    faults: tuple[FaultResult, ...] = ()
    file: str = ""


class SegmentQuality(msgspec.Struct, frozen=True):
    """What the checks found: the kept take's faults (then the line is doubtful), and every spoken take's.

    `cps` is characters of text a second of audio, `level_db` the level of its speech, of full scale.
    `heard` is what a recogniser heard, `wer` the share of wrong words, `similarity` the voice's to the
    reference, 0 to 1; null where that was not asked for, or cannot be judged. `unheard`: why nobody listened
    as was asked. The rest is for revisions, which compare new takes with it (see TakeQuality).
    """

    faults: tuple[FaultResult, ...]
    cps: float
    level_db: float
    takes: tuple[TakeResult, ...] = ()
    heard: str | None = None
    wer: float | None = None
    similarity: float | None = None
    unheard: str | None = None
    pace: float | None = None
    range_db: float | None = None
    end_db: float | None = None
    longest_gap_s: float | None = None


class KeptTake(msgspec.Struct, frozen=True):
    """A take that can become the line's clip: `file` is below the spool's .takes, in `takes_folder`.

    `text` and `spoken` are the line's when it was spoken. `digest` is of its bytes.
    """

    take: int
    file: str
    duration_s: float
    seed: int
    text: str
    spoken: str | None = None
    worker: int = 0
    device: str = ""
    digest: str = ""
    quality: SegmentQuality | None = None


class SegmentResult(msgspec.Struct, frozen=True):
    """One segment: `status` is "done" or "failed"; `clip` is the file below the result's folder.

    `take` is what was spoken, where the clip is made from it: a file below `takes_folder`. `key` (what it was
    spoken from) and `digest` (of its bytes) let a later job reuse it, or the clip where there is no `take`.
    `can_retry` of a failed segment: false where another seed cannot help; null in results of older versions.
    `takes` counts all that were tried, `chosen` is the number of the one that is the clip, and `kept` are all
    that are still there, that one included. `spoken` is the text with its pronunciations, where it has any.
    `start_s` and `end_s` are wanted, `at_s` and `speed` what the tracks
    have; `overrun_s` is how long it runs into what follows. `position` counts the script's lines
    from 0, those of every speaker and skipped ones.
    """

    id: str
    text: str
    status: str
    clip: str | None = None
    duration_s: float | None = None
    takes: int = 0
    seed: int | None = None
    worker: int | None = None
    device: str | None = None
    error: str | None = None
    key: str | None = None
    digest: str | None = None
    can_retry: bool | None = None
    spoken: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    at_s: float | None = None
    speed: float | None = None
    overrun_s: float | None = None
    take: str | None = None
    quality: SegmentQuality | None = None
    position: int | None = None
    chosen: int | None = None
    kept: tuple[KeptTake, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Does the best of its takes have faults?"""
        return self.quality is not None and bool(self.quality.faults)


class SpeakerResult(msgspec.Struct, frozen=True):
    """A speaker's segments, in the bundle's order. All clips had `loudness_lufs` and got `gain_db`.

    `references` are the reference clips' files below the result's folder.
    `voice_key` tells whether the reference clips or their transcript have changed since.
    """

    name: str
    language: str
    segments: tuple[SegmentResult, ...]
    loudness_lufs: float | None = None
    gain_db: float | None = None
    references: tuple[str, ...] = ()
    voice_key: str | None = None


class LineRevisionResult(msgspec.Struct, frozen=True):
    """What a revision was asked for a line, as in the request; `error` says why the line is unchanged."""

    speaker: str
    id: str
    text: str | None = None
    take: int | None = None
    error: str | None = None


class RevisionResult(msgspec.Struct, frozen=True):
    """A revision of this job: its number from 1, when it was published (RFC 3339), and what was asked.

    `request` is the name that the request's file had.
    """

    number: int
    at: str
    request: str
    lines: tuple[LineRevisionResult, ...]
    pronounce: dict[str, str] = {}


class SkippedResult(msgspec.Struct, frozen=True):
    """A line of the script that is not spoken: a sound, a song."""

    id: str
    text: str
    speaker: str = ""
    start_s: float | None = None
    end_s: float | None = None
    position: int | None = None


class TrackResult(msgspec.Struct, frozen=True):
    """An audio file of the whole programme; `path` is below the result's folder."""

    path: str
    duration_s: float
    size_bytes: int


class ChapterResult(msgspec.Struct, frozen=True):
    """A chapter of the tracks; each ends where the next begins."""

    title: str
    start_s: float
    end_s: float


class WorkerShare(msgspec.Struct, frozen=True):
    """What one worker did for this job: `busy_s` is the time in which it held any of its takes."""

    worker: int
    device: str
    takes: int
    busy_s: float


class Totals(msgspec.Struct, frozen=True):
    """Counts and seconds; `speech_rate` is audio_s / wall_s. `doubtful` lines are counted as done too."""

    speakers: int
    segments: int
    done: int
    failed: int
    audio_s: float
    wall_s: float
    speech_rate: float
    doubtful: int = 0


class Result(msgspec.Struct, frozen=True):
    """result.json, field by field. Times are RFC 3339, in UTC; `takes_folder` is below the spool's .takes."""

    job: str
    title: str
    status: JobStatus
    engine: str
    device_names: tuple[str, ...]
    started: str
    finished: str
    totals: Totals
    errors: tuple[Fault, ...]
    speakers: tuple[SpeakerResult, ...]
    warnings: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()
    workers: tuple[WorkerShare, ...] = ()
    skipped: tuple[SkippedResult, ...] = ()
    tracks: tuple[TrackResult, ...] = ()
    chapters: tuple[ChapterResult, ...] = ()
    takes_folder: str | None = None
    revision: int = 0
    revisions: tuple[RevisionResult, ...] = ()

    @property
    def num_not_retryable(self) -> int:
        """Failed segments that another seed cannot help; 0 in a result that does not record it."""
        return sum(s.can_retry is False for speaker in self.speakers for s in speaker.segments)
