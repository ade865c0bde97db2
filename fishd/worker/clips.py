"""Check the audio of a take, and write it as a clip: complete and fsynced, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from fishd.core.model.hashes import content_hash

MIN_CLIP_S = 0.05
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
    """`peak` is the largest absolute sample, 0..1; `content_hash` is of the file's bytes."""

    duration_s: float
    size_bytes: int
    peak: float
    content_hash: str


def fault_of(audio: NDArray[np.float32], sample_rate: int) -> str | None:
    """Why this audio cannot be a clip; None if it can."""
    if audio.ndim != 1:
        return f"the engine gave audio of shape {audio.shape}, not mono"
    if len(audio) < MIN_CLIP_S * sample_rate:
        return f"the audio is only {len(audio) / sample_rate * 1000:.0f} ms long"
    if not np.isfinite(audio).all():
        return "the audio holds values that are not finite"
    if float(np.abs(audio).max()) < SILENCE_PEAK:
        return "the audio is silent"
    return None


def write_clip(path: Path, audio: NDArray[np.float32], sample_rate: int) -> WrittenClip:
    """Write to a temporary file, fsync, rename; the suffix of `path` gives the format.

    Raises OSError; then nothing is left behind.
    """
    peak = float(np.abs(audio).max())
    if peak > 1.0:
        audio = audio / peak
    encoded = _encode(path.suffix[1:], audio, sample_rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb", buffering=0) as file:
            _write_all(file, encoded)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return WrittenClip(len(audio) / sample_rate, len(encoded), min(peak, 1.0), content_hash(encoded))


def _encode(suffix: str, audio: NDArray[np.float32], sample_rate: int) -> memoryview:
    """Encode in memory: soundfile hides errors when it writes to a file itself."""
    kind, subtype = _FORMATS[suffix]
    encoded = io.BytesIO()
    _write(encoded, audio, sample_rate, format=kind, subtype=subtype)
    return encoded.getbuffer()


def _write_all(file: io.FileIO, encoded: memoryview) -> None:
    num_written = 0
    while num_written < len(encoded):
        num_written += file.write(encoded[num_written:])
