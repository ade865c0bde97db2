"""The stock voice's profile: its pitch, and its cepstra under every vocal-tract warp that may be chosen.

Measured from five sentences. It is the same for every job, so the disk cache keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishd.engines.preview import stock_voice
from fishd.engines.preview.analysis.frames import make_frames, pitch_statistics
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.stock_voice import StockVoice

WARPS = tuple(round(0.76 + 0.04 * step, 2) for step in range(15))  # 0.76 .. 1.32
CALIBRATION = (
    "The rain had stopped, and the streets were shining in the yellow light of the lamps.",
    "Which of these two roads would you choose if you had to reach the village before noon?",
    "A good cook knows when the oil is hot by listening to the sound of it.",
    "They joined the choir last autumn, and sing every Thursday in the big hall.",
    "My uncle gave her a pair of blue shoes, just because she had asked for them.",
)


@dataclass(frozen=True, slots=True)
class StockProfile:
    """Pitch in log Hz; cepstra under each of WARPS, voiced [15, n, 64] and unvoiced [15, m, 64]."""

    pitch_median: float
    pitch_spread: float
    voiced: Array
    unvoiced: Array

    def at(self, warp: float) -> tuple[Array, Array]:
        """The cepstra (voiced [n, 64], unvoiced [m, 64]) under one of WARPS."""
        return self.voiced[WARPS.index(warp)], self.unvoiced[WARPS.index(warp)]


def measure_stock_voice(voice: StockVoice) -> StockProfile:
    """Synthesise and analyse the calibration sentences: about a second."""
    sentences = [voice.synthesise(p) for text in CALIBRATION for p in voice.phonemes(text)]
    powers = [sentence.power() for sentence in sentences]
    voiced, unvoiced = list[Array](), list[Array]()
    for warp in WARPS:
        frames = [
            make_frames(power, sentence.pitch, stock_voice.HOP_S, warp)
            for power, sentence in zip(powers, sentences, strict=True)
        ]
        voiced.append(np.concatenate([f.ceps[f.voiced] for f in frames]))
        unvoiced.append(np.concatenate([f.ceps[f.unvoiced] for f in frames]))
    median, spread = pitch_statistics(np.concatenate([s.pitch[s.voiced] for s in sentences]))
    return StockProfile(median, spread, np.stack(voiced), np.stack(unvoiced))
