"""A voice's reference clips as one WAV file, as servers take one clip with one transcript."""

# soundfile and soxr have no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from fishd.engines.openai.faults import TakeFault
from fishd.engines.protocol import Voice

MAX_CACHED = 32  # voices; 20 s at 44.1 kHz are 1.8 MB


class References:
    """WAV files of voices: 16-bit PCM, mono, at the first clip's rate. The last ones used are kept."""

    def __init__(self) -> None:
        self._cached: OrderedDict[str, bytes] = OrderedDict()  # by voice key, least recently used first

    def wav_of(self, voice: Voice) -> bytes:
        """Raises TakeFault for a clip that cannot be read."""
        wav = self._cached.get(voice.key) or _join(voice.clips)
        self._cached[voice.key] = wav
        self._cached.move_to_end(voice.key)
        if len(self._cached) > MAX_CACHED:
            self._cached.popitem(last=False)
        return wav


def _join(clips: tuple[Path, ...]) -> bytes:
    read = [_read(clip) for clip in clips]
    rate = read[0][1]
    audio = np.concatenate([soxr.resample(part, its_rate, rate) for part, its_rate in read])
    wav = io.BytesIO()
    soundfile.write(wav, audio, rate, format="WAV", subtype="PCM_16")
    return wav.getvalue()


def _read(clip: Path) -> tuple[NDArray[np.float32], int]:
    try:
        audio, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise TakeFault(f"the reference clip {clip.name} cannot be read: {error}", retry=False) from error
    return audio.mean(axis=1), int(rate)
