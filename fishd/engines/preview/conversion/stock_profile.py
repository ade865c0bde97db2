"""What the stock voice is like: its pitch, and its spectra under every warp that may be chosen.

Learned from five sentences that it reads; the same for every job, so kept in the disk cache.
"""

from __future__ import annotations

import numpy as np

from fishd.engines.preview import stock_voice as stock
from fishd.engines.preview.analysis.frames import frames_of, pitch_range
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.analysis.warp import WARPS, Base

CALIBRATION = (
    "The rain had stopped, and the streets were shining in the yellow light of the lamps.",
    "Which of these two roads would you choose if you had to reach the village before noon?",
    "A good cook knows when the oil is hot by listening to the sound of it.",
    "They joined the choir last autumn, and sing every Thursday in the big hall.",
    "My uncle gave her a pair of blue shoes, just because she had asked for them.",
)


def learn_base(voice: stock.StockVoice) -> Base:
    """Read the calibration sentences and keep what the converter needs: about a second's work."""
    sentences = [voice.read(p) for text in CALIBRATION for p in voice.phonemes(text)]
    powers = [sentence.power() for sentence in sentences]
    voiced, unvoiced = list[Array](), list[Array]()
    for warp in WARPS:
        frames = [
            frames_of(power, sentence.pitch, stock.HOP_S, warp)
            for power, sentence in zip(powers, sentences, strict=True)
        ]
        voiced.append(np.concatenate([f.ceps[f.voiced] for f in frames]))
        unvoiced.append(np.concatenate([f.ceps[f.unvoiced] for f in frames]))
    median, spread = pitch_range(np.concatenate([s.pitch[s.voiced] for s in sentences]))
    return Base(median, spread, np.stack(voiced), np.stack(unvoiced))
