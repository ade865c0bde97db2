"""Reference clips: files of any rate and bit depth to audio, and audio to frames with envelopes by WORLD.

M. Morise, "CheapTrick, a spectral envelope estimator for high-quality speech synthesis" (2015). Clips are
untrusted, but the worker has decoded each once already.
"""

# pyworld, soundfile and soxr have no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyworld
import soundfile
import soxr

from fishd.engines.preview.analysis.frames import Frames, make_frames
from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array
from fishd.engines.preview.analysis.pitch import estimate_pitch
from fishd.engines.protocol import BadClip

HOP_S = 0.00625  # half of the stock voice's
FFT_SIZE = 1024
MIN_PEAK = 1e-4  # of full scale
MAX_TOTAL_S = 60.0  # of all clips; more adds little and costs memory


def load_clips(clips: tuple[Path, ...]) -> tuple[list[Array], bool]:
    """The clips as mono float32 at 24 kHz, at most a minute in all, and whether that is everything.

    Raises BadClip, naming the clip.
    """
    left, loaded = MAX_TOTAL_S, list[Array]()
    for clip in clips:
        audio, is_whole = _load_clip(clip, left)
        loaded.append(audio)
        left -= len(audio) / SAMPLE_RATE
        if not is_whole or left <= 0:
            return loaded, is_whole and clip == clips[-1]
    return loaded, True


def _load_clip(clip: Path, max_s: float) -> tuple[Array, bool]:
    try:
        with soundfile.SoundFile(clip) as file:
            rate = file.samplerate
            audio = file.read(int(max_s * rate), dtype="float32", always_2d=True).mean(1)
            is_whole = file.frames <= len(audio)
    except (OSError, soundfile.LibsndfileError) as error:
        raise BadClip(f"{clip.name}: cannot be read as audio ({error})") from error
    if not np.isfinite(audio).all() or not np.abs(audio).max(initial=0.0) > MIN_PEAK:
        raise BadClip(f"{clip.name}: is silent, or holds NaN or infinite samples; record it again")
    return soxr.resample(audio, rate, SAMPLE_RATE).astype(np.float32), is_whole


def analyse(audio: Array) -> Frames:
    """The audio's frames, every 6.25 ms."""
    wave = audio.astype(np.float64)
    pitch = estimate_pitch(audio, HOP_S)
    at = np.arange(len(pitch)) * HOP_S
    power = pyworld.cheaptrick(wave, pitch, at, SAMPLE_RATE, fft_size=FFT_SIZE)
    return make_frames(power.astype(np.float32), pitch.astype(np.float32), HOP_S)
