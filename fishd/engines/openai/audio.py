"""A server's audio, in any format that soundfile reads, as float32 mono at the engine's rate."""

# soundfile and soxr have no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from fishd.engines.openai.faults import ServerBusy, TakeFault

BYTES_A_SECOND = 384_000  # 48 kHz float stereo; more than a limit's worth is too long without decoding it
HEADER_BYTES = 64 * 1024
_HIGHEST_RATE = 192_000  # with _MOST_CHANNELS: a header must not decide how much memory is used
_MOST_CHANNELS = 8
_STREAMED = 0x7FFF_0000  # a WAV header that was written before its length was known claims this or more


class NotAudio(Exception):  # noqa: N818 - the body's state
    """The body is nothing that soundfile reads."""


def max_bytes(limit_s: float) -> int:
    return HEADER_BYTES + round(limit_s * BYTES_A_SECOND)


def decode(body: bytes, sample_rate: int, limit_s: float) -> NDArray[np.float32]:
    """The audio, in -1..1. Raises ServerBusy if it is cut, NotAudio, and TakeFault if it is too long."""
    if _is_cut(body):
        raise ServerBusy("the server's audio is cut")
    try:
        with soundfile.SoundFile(io.BytesIO(body)) as sound:
            rate = int(sound.samplerate)
            if not 0 < rate <= _HIGHEST_RATE or sound.channels > _MOST_CHANNELS:
                raise NotAudio
            samples = sound.read(round(limit_s * rate) + 1, dtype="float32", always_2d=True)
    except (RuntimeError, ValueError, TypeError) as error:
        raise NotAudio from error
    audio = soxr.resample(samples.mean(axis=1), rate, sample_rate)
    if len(samples) > limit_s * rate or len(audio) > limit_s * sample_rate:
        raise too_long(limit_s)
    return (audio / max(1.0, float(np.abs(audio).max(initial=0.0)))).astype(np.float32, copy=False)


def too_long(limit_s: float) -> TakeFault:
    return TakeFault(f"the audio is longer than {limit_s:.1f} s, the limit for this text", retry=True)


def _is_cut(body: bytes) -> bool:
    """A WAV file that is shorter than its header says: libsndfile reads what there is, without a word."""
    if body[:4] != b"RIFF":
        return False
    claimed = int.from_bytes(body[4:8], "little")
    return len(body) < claimed + 8 and claimed < _STREAMED
