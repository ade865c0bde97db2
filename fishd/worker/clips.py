"""The audio of a take -> a clip on disk, whole and fsynced, or the reason why it is no good."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
from numpy.typing import NDArray

SHORTEST_S = 0.05
SILENCE_PEAK = 1e-4
_FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", None),
}
_write = cast("Callable[..., None]", soundfile.write)  # soundfile ships no types for it


@dataclass(frozen=True, slots=True)
class WrittenClip:
    """`peak` is the largest sample's size, 0..1."""

    duration_s: float
    size_bytes: int
    peak: float


def fault_of(audio: NDArray[np.float32], sample_rate: int) -> str | None:
    """What makes this audio no clip; None if nothing does."""
    if audio.ndim != 1:
        return f"the engine gave audio of shape {audio.shape}, not mono"
    if len(audio) < SHORTEST_S * sample_rate:
        return f"the audio is only {len(audio) / sample_rate * 1000:.0f} ms long"
    if not np.isfinite(audio).all():
        return "the audio holds values that are not finite"
    if float(np.abs(audio).max()) < SILENCE_PEAK:
        return "the audio is silent"
    return None


def write_clip(path: Path, audio: NDArray[np.float32], sample_rate: int) -> WrittenClip:
    """Write under another name, fsync, rename; the suffix of `path` gives the format."""
    kind, subtype = _FORMATS[path.suffix[1:]]
    peak = float(np.abs(audio).max())
    if peak > 1.0:
        audio = audio / peak
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        _write(file, audio, sample_rate, format=kind, subtype=subtype)
        file.flush()
        os.fsync(file.fileno())
    size_bytes = part.stat().st_size
    part.rename(path)
    return WrittenClip(len(audio) / sample_rate, size_bytes, min(peak, 1.0))
