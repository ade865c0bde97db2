"""What the fish engine's tests share: voices of noise, and takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from fishd.engines.protocol import Take, Voice


def make_voice(folder: Path, key: str, seconds: float = 1.0, transcript: str = "What is said in the clip.") -> Voice:
    """A voice whose clip is noise, seeded by its key."""
    seed = int.from_bytes(key.encode()[:4].ljust(4, b"\0"))
    clip = folder / f"{key}.wav"
    soundfile.write(clip, 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 44_100)), 44_100)
    return Voice(key, (clip,), transcript, "en")


def make_take(voice: Voice, number: int, limit_s: float = 8.0, **options: object) -> Take:
    """A take whose text and seed follow from its number; texts differ in length."""
    text = f"Line {number}" + ", and so on" * (number % 4) + "."
    return Take(f"take-{number}", voice, text, "en", 1000 + number, limit_s, options)
