"""Signals for the tests: speech by a real voice, and made-up speech where its length or peaks matter."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from hibari import Hibari
from numpy.typing import NDArray

RATE = 24_000
SENTENCES = (
    "The old lighthouse keeper climbed the stairs every evening before the sun went down.",
    "Please remember to bring your passport and a warm jacket to the meeting tomorrow morning.",
    "She opened the letter slowly, because she already knew what it would say.",
    "Could you tell me where the nearest train station is?",
)


@lru_cache(maxsize=8)
def spoken(sentence: int = 0) -> NDArray[np.int16]:
    """A sentence by the voice that the preview engine speaks with."""
    return to_16_bit(Hibari()(SENTENCES[sentence], seed=sentence))


@lru_cache(maxsize=128)
def babble(seconds: float, seed: int = 0, rate: int = RATE) -> NDArray[np.int16]:
    """Voiced syllables with pauses and plosives: level and peaks vary as those of speech do."""
    random = np.random.default_rng(seed)
    at = np.arange(round(seconds * rate)) / rate
    pitch = 110 + 30 * np.sin(2 * np.pi * 0.4 * at + seed) + 8 * np.sin(2 * np.pi * 2.9 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voiced = sum(np.sin(k * phase + k) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * at) + 0.4 * np.sin(2 * np.pi * 0.31 * at + seed), 0, None)
    hiss = random.standard_normal(len(at)) * np.clip(np.sin(2 * np.pi * 2.3 * at + 2), 0, None) ** 8
    return to_16_bit(0.12 * voiced * syllables + 0.03 * hiss)


def sine(frequency: float, amplitude: float, seconds: float, rate: int = RATE) -> NDArray[np.int16]:
    return to_16_bit(amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate))


def to_16_bit(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """From -1..1."""
    return np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)


def at_rate(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    return soxr.resample(samples, RATE, rate)


def write(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def lag(heard: NDArray[np.floating], said: NDArray[np.int16], at: int, reach: int = 2_000) -> int:
    """How many samples later than `at` it is heard; found within `reach` samples."""
    first = max(0, at - reach)
    window = np.asarray(heard[first : at + len(said) + reach], np.float64)
    correlation = np.correlate(window, said.astype(np.float64), "valid")
    return int(np.argmax(correlation)) + first - at
