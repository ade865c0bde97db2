"""What `[output]` asks for: formats, loudness, tracks, and how far a line may be changed to fit its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

ClipFormat = Literal["wav", "flac", "ogg", "opus", "mp3"]
TrackFormat = Literal["flac", "wav", "opus", "mp3", "m4b"]
Track = Literal["mix", "speakers"]

CLIP_FORMATS: tuple[ClipFormat, ...] = get_args(ClipFormat)
TRACK_FORMATS: tuple[TrackFormat, ...] = get_args(TrackFormat)
TRACKS: tuple[Track, ...] = get_args(Track)
AS_SPOKEN: tuple[ClipFormat, ...] = ("wav", "flac")  # what workers write themselves
NEED_AV = ("opus", "mp3", "m4b")  # the extra `formats`


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The keys of `[output]`, already validated.

    `loudness` is LUFS, None for "off"; `peak` is dBTP. `tracks` None is the default, which depends on the
    script (`tracks_for`); an empty tuple is none at all. `max_speed` is at least 1; seconds are not negative.
    """

    format: ClipFormat = "wav"
    loudness: float | None = None
    peak: float = -1.0
    tracks: tuple[Track, ...] | None = None
    track_format: TrackFormat = "flac"
    max_speed: float = 1.25
    max_shift_s: float = 0.5
    pause_s: float = 0.35

    def with_values(self, values: Mapping[str, Any]) -> DeliverySettings:
        """With keys of an [output] section, as the rules keep them, in place of its own."""
        changes = {key: None if value == "off" else value for key, value in values.items() if key != "reuse"}
        return replace(self, **changes)

    def tracks_for(self, *, has_times: bool, has_chapters: bool) -> tuple[Track, ...]:
        """The tracks to build: as configured, else a mix where lines have times or there are chapters."""
        if self.tracks is not None:
            return self.tracks
        return ("mix",) if has_times or has_chapters else ()

    def needs_assembly(self, tracks: Sequence[Track]) -> bool:
        """Whether a job with these tracks is assembled after its last line is spoken."""
        return bool(tracks) or self.format not in AS_SPOKEN or self.loudness is not None

    def take_format(self, tracks: Sequence[Track]) -> ClipFormat:
        """The format in which workers write clips: the assembly reads WAV."""
        return "wav" if self.needs_assembly(tracks) else self.format
