"""Shared by the preview engine's tests: reference clips that no real person spoke."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from hibari import Hibari
from numpy.typing import NDArray

from fishd.engines.preview.analysis.reference import load_clips
from fishd.engines.preview.engine import PreviewEngine
from fishd.engines.protocol import Failed, Spoken, Take, Voice
from tests.engines.contract import speak_one

TRANSCRIPT = "The quick brown fox jumped over the lazy dog while the rain fell on the roof."
DEEPER = 0.7  # playback speed: pitch and formants fall by the same factor


@lru_cache(maxsize=4)
def stock_audio(speed: float = 1.0) -> NDArray[np.float32]:
    """The stock voice reading TRANSCRIPT, at 24 kHz."""
    return Hibari()(TRANSCRIPT, speed=speed, seed=0)


def make_voice(
    folder: Path, *, deeper: float = DEEPER, transcript: str = TRANSCRIPT, language: str = "en", key: str = ""
) -> Voice:
    """A voice deeper than the stock voice that speaks at the stock voice's pace."""
    clip = folder / "clip.wav"
    soundfile.write(clip, stock_audio(1 / deeper), round(24_000 * deeper))
    return Voice(key or f"deeper {deeper} {transcript} {language}", (clip,), transcript, language)


def clip_audio(voice: Voice) -> NDArray[np.float32]:
    """The voice's one clip, at 24 kHz."""
    (audio,), _ = load_clips(voice.clips)
    return audio.astype(np.float32)


def say(
    engine: PreviewEngine, voice: Voice, text: str, language: str = "en", **options: object
) -> Spoken | Failed:
    return speak_one(engine, Take("take", voice, text, language, 7, 600.0, options))


def audio_of(ended: Spoken | Failed) -> NDArray[np.float32]:
    assert isinstance(ended, Spoken), ended
    return ended.audio
