"""A reference clip from somebody else's hands -> what is wrong with it, what is odd, how long it is.

Audio is decoded only here, in a worker process: a decoder that breaks takes a worker with it, never the
daemon.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile

from fishd.wire.messages import Inspect, Inspected

SHORTEST_S = 1.0
LONG_S = 60.0
LONGEST_S = 600.0
SILENCE_PEAK = 1e-3
_HIGHEST_RATE = 768_000  # Hz; a header that says more is nonsense
_BLOCK_SAMPLES = 1 << 20  # over all channels: what a file claims of itself does not decide our memory
_UNREADABLE = "not audio that can be read; give it as WAV, FLAC, OGG or MP3"
_SUFFIX_OF = {
    "WAV": {".wav"},
    "WAVEX": {".wav"},
    "FLAC": {".flac"},
    "OGG": {".ogg", ".opus", ".oga"},
    "MP3": {".mp3"},
}


def inspect(message: Inspect) -> Inspected:
    """Decode the whole clip, block by block; never raises for what is in the file."""
    path = Path(message.path)
    try:
        with path.open("rb") as file:
            if not file.read(1):
                return Inspected(message.id, 0.0, fault="is empty (zero bytes)")
            file.seek(0)
            with soundfile.SoundFile(file) as sound:
                return _look_at(message.id, path, cast("Any", sound))
    except OSError as error:
        return Inspected(message.id, 0.0, fault=f"cannot be opened: {error.strerror}")
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
        return Inspected(message.id, 0.0, fault=_UNREADABLE)


def _look_at(question: str, path: Path, sound: Any) -> Inspected:
    rate, frames, peak = int(sound.samplerate), 0, 0.0
    if not 0 < rate <= _HIGHEST_RATE:
        return Inspected(question, 0.0, fault=_UNREADABLE)
    for block in sound.blocks(_BLOCK_SAMPLES // sound.channels, dtype="float32", always_2d=True):
        if not np.isfinite(block).all():
            return Inspected(
                question, frames / rate, fault="holds samples that are not numbers (NaN or infinite)"
            )
        frames += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        if frames > LONGEST_S * rate:
            return Inspected(
                question, frames / rate, fault=f"is over {LONGEST_S:.0f} s long; 10 to 30 s serve best"
            )
    duration_s = frames / rate
    fault = ""
    if duration_s < SHORTEST_S:
        fault = f"is {duration_s:.2f} s long; at least {SHORTEST_S:.0f} s of speech are needed"
    elif peak < SILENCE_PEAK:
        fault = "is silent"
    return Inspected(question, duration_s, fault=fault, warnings=tuple(_oddities(path, sound, duration_s)))


def _oddities(path: Path, sound: Any, duration_s: float) -> list[str]:
    found: list[str] = []
    if duration_s > LONG_S:
        found.append(f"is {duration_s:.0f} s long; 10 to 30 s serve as well and load sooner")
    if path.suffix.lower() not in _SUFFIX_OF.get(sound.format, {path.suffix.lower()}):
        found.append(f"holds {sound.format} audio under the name {path.suffix}; it is read all the same")
    if sound.subtype in ("PCM_U8", "PCM_S8"):
        found.append("is 8-bit audio; its noise will be heard in the voice")
    if sound.samplerate < 16000:
        found.append(f"is sampled at {sound.samplerate} Hz; 16000 Hz or more sound better")
    return found
