"""Reference clips: files of any rate and width -> frames, their envelope by WORLD.

M. Morise, "CheapTrick, a spectral envelope estimator for high-quality speech synthesis" (2015). A clip is
untrusted, but the worker has decoded it once already.
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

from fishd.engines.preview.analysis.frames import Frames, frames_of
from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array
from fishd.engines.preview.analysis.pitch import find_pitch
from fishd.engines.protocol import BadClip

HOP_S = 0.00625  # half of the stock voice's
FFT_SIZE = 1024
QUIET = 1e-4  # of full scale
LONGEST_S = 60.0  # of all clips together; what is beyond adds little and costs memory


def load(clips: tuple[Path, ...]) -> tuple[list[Array], bool]:
    """The clips as mono float32 at 24 kHz, at most a minute in all; and whether that is all of them.

    Raises BadClip, naming the clip.
    """
    left, sounds = LONGEST_S, list[Array]()
    for clip in clips:
        sound, is_whole = _load_clip(clip, left)
        sounds.append(sound)
        left -= len(sound) / SAMPLE_RATE
        if not is_whole or left <= 0:
            return sounds, is_whole and clip == clips[-1]
    return sounds, True


def _load_clip(clip: Path, longest_s: float) -> tuple[Array, bool]:
    try:
        with soundfile.SoundFile(clip) as file:
            rate = file.samplerate
            sound = file.read(int(longest_s * rate), dtype="float32", always_2d=True).mean(1)
            is_whole = file.frames <= len(sound)
    except (OSError, soundfile.LibsndfileError) as error:
        raise BadClip(f"{clip.name}: cannot be read as audio ({error})") from error
    if not np.isfinite(sound).all() or not np.abs(sound).max(initial=0.0) > QUIET:
        raise BadClip(f"{clip.name}: holds no sound that can be used; record it again")
    return soxr.resample(sound, rate, SAMPLE_RATE).astype(np.float32), is_whole


def analyse(sound: Array) -> Frames:
    """A sound's frames, every 6.25 ms."""
    wave = sound.astype(np.float64)
    pitch = find_pitch(sound, HOP_S)
    at = np.arange(len(pitch)) * HOP_S
    power = pyworld.cheaptrick(wave, pitch, at, SAMPLE_RATE, fft_size=FFT_SIZE)
    return frames_of(power.astype(np.float32), pitch.astype(np.float32), HOP_S)
