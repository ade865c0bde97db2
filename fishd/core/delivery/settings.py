"""What `[output]` asks for: formats, loudness, tracks, and how far a line may be changed to fit its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ClipFormat = Literal["wav", "flac", "opus", "mp3"]
TrackFormat = Literal["flac", "wav", "opus", "mp3", "m4b"]
Track = Literal["mix", "speakers"]

CLIP_FORMATS: tuple[ClipFormat, ...] = get_args(ClipFormat)
TRACK_FORMATS: tuple[TrackFormat, ...] = get_args(TrackFormat)
TRACKS: tuple[Track, ...] = get_args(Track)


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

    def tracks_for(self, *, has_times: bool, has_chapters: bool) -> tuple[Track, ...]:
        """The tracks to build: as configured, else a mix where lines have times or there are chapters."""
        if self.tracks is not None:
            return self.tracks
        return ("mix",) if has_times or has_chapters else ()
