"""Audio that passes the signal check as speech of a text, and the same spoiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
SPOILED = ("silence", "noise", "clipping", "hole", "half")


def speech_like(text: str, seed: int) -> NDArray[np.float32]:
    """Syllables of about 0.2 s, each of three letters and of pitches of its own, with pauses between them."""
    rng = np.random.default_rng(seed)
    syllables = [_syllable(rng) for _ in range(max(2, round(len(text) / 3)))]
    audio = np.concatenate([*syllables, np.zeros(SAMPLE_RATE // 5)])
    return (0.1 * audio + 1e-5 * rng.standard_normal(len(audio))).astype(np.float32)


def _syllable(rng: np.random.Generator) -> NDArray[np.floating]:
    length_s = rng.uniform(0.14, 0.26)
    moments = np.arange(int(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    loudness = np.sin(np.pi * np.minimum(moments / (0.8 * length_s), 1.0)) ** 2
    return loudness * sum(np.sin(2 * np.pi * hertz * moments) for hertz in rng.uniform(120, 3000, 4))


def spoiled(audio: NDArray[np.float32], kind: str, seed: int) -> NDArray[np.float32]:
    """Broken in one of the ways of SPOILED."""
    noise = np.random.default_rng(seed).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    match kind:
        case "silence":
            return 1e-3 * noise
        case "noise":
            return audio + 0.3 * np.resize(noise, len(audio))
        case "clipping":
            return np.clip(8 * audio / np.abs(audio).max(), -1, 1)
        case "hole":
            middle = len(audio) // 2
            return np.concatenate([audio[:middle], 1e-5 * noise, audio[middle:]])
        case "half":
            return audio[: len(audio) // 2]
        case _:
            raise ValueError(f"unknown kind {kind!r}")
