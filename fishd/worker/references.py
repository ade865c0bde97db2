"""Checks a reference clip that a user gave: its faults, its warnings, its length.

Audio is decoded here only, in a worker process, and never in the daemon: a crashing decoder ends a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile

from fishd.core.quality.features import SignalFeatures
from fishd.wire.messages import Inspect, Inspected
from fishd.worker.features import measure

SILENCE_PEAK = 1e-3
_HIGHEST_RATE = 768_000  # Hz; a header that claims more is invalid
_BLOCK_SAMPLES = 1 << 20  # over all channels: the header must not decide how much memory is used
_UNREADABLE = "not audio that can be read; give it as WAV, FLAC, OGG or MP3"
_SUFFIXES = {
    "WAV": {".wav"},
    "WAVEX": {".wav"},
    "FLAC": {".flac"},
    "OGG": {".ogg", ".opus", ".oga"},
    "MP3": {".mp3"},
}


def inspect(message: Inspect) -> Inspected:
    """Decode the whole clip, block by block; never raises, whatever the file holds."""
    try:
        with Path(message.path).open("rb") as file:
            if not file.read(1):
                return Inspected(message.id, 0.0, fault="is empty (zero bytes)")
            file.seek(0)
            with soundfile.SoundFile(file) as sound:
                return _decode(message, cast("Any", sound))
    except OSError as error:
        return Inspected(message.id, 0.0, fault=f"cannot be opened: {error.strerror}")
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
        return Inspected(message.id, 0.0, fault=_UNREADABLE)


def _decode(message: Inspect, sound: Any) -> Inspected:
    rate, frames, peak = int(sound.samplerate), 0, 0.0
    features: SignalFeatures | None = None
    if not 0 < rate <= _HIGHEST_RATE:
        return Inspected(message.id, 0.0, fault=_UNREADABLE)
    for block in sound.blocks(_BLOCK_SAMPLES // sound.channels, dtype="float32", always_2d=True):
        if not np.isfinite(block).all():
            what = "holds samples that are not numbers (NaN or infinite)"
            return Inspected(message.id, frames / rate, fault=what)
        if features is None:  # the first block lasts 20 s or so, which tells enough
            features = measure(block.mean(axis=1), rate)
        frames += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        if frames > message.max_reference_s * rate:
            what = f"is over {message.max_reference_s:g} s long; 10 to 30 s work best"
            return Inspected(message.id, frames / rate, fault=what)
    duration_s = frames / rate
    fault = ""
    if duration_s < message.min_reference_s:
        fault = f"is {duration_s:.2f} s long; at least {message.min_reference_s:g} s of speech are needed"
    elif peak < SILENCE_PEAK:
        fault = "is silent"
    warnings = tuple(_warnings(message, sound, duration_s))
    return Inspected(message.id, duration_s, fault, warnings, features)


def _warnings(message: Inspect, sound: Any, duration_s: float) -> Iterator[str]:
    suffix = Path(message.path).suffix
    if duration_s > message.long_reference_s:
        yield f"is {duration_s:.3g} s long; 10 to 30 s work as well and load faster"
    if suffix.lower() not in _SUFFIXES.get(sound.format, {suffix.lower()}):
        yield f"holds {sound.format} audio under the name {suffix}; it is read as {sound.format}"
    if sound.subtype in ("PCM_U8", "PCM_S8"):
        yield "is 8-bit audio; its noise will be heard in the voice"
    if sound.samplerate < 16000:
        yield f"is sampled at {sound.samplerate} Hz; 16000 Hz or more sound better"
