"""The stock voice: hibari reads an English sentence, and hands over its spectra before they become sound.

hibari's network predicts, every 12.5 ms, an envelope for the harmonics of a pitch, one for noise, and one
with phases of its own (the breath: aperiodic, it fills what the harmonics leave). That is a source-filter
model of the sentence, exact and free, so the stock voice need never be analysed: the envelopes are
reshaped, the pitch is redrawn, and only then is it made sound. Formulas: hibari's dsp module.
"""

# hibari has no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from hibari import Hibari, dsp
from numpy.typing import NDArray

from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array

HOP_S: float = dsp.HOP / SAMPLE_RATE
NUM_BINS: int = dsp.N_FFT // 2 + 1
VOICED_HZ = 40.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence before it is sound. Envelopes and phases are [601 bins, frames], `pitch` is [frames].

    `harmonic`, `noise` and `breath` are log magnitudes of the sound's STFT; `dispersion` and `phase` are
    the phases of the harmonics (before tanh) and of the breath; `pitch` is in Hz, 0 where unvoiced.
    """

    harmonic: Array
    dispersion: Array
    noise: Array
    breath: Array
    phase: Array
    pitch: Array

    @property
    def voiced(self) -> NDArray[np.bool_]:
        return self.pitch > VOICED_HZ

    def power(self) -> Array:
        """Power spectra [frames, 601] in units of the sound's power per Hz (a periodogram's mean)."""
        harmonic = np.exp(2 * self.harmonic) * (self.voiced / (1.8e5 * np.maximum(self.pitch, VOICED_HZ)))
        total = harmonic + np.exp(2 * self.breath) / 5.4e6 + np.exp(2 * self.noise) / 2.7e6
        return np.ascontiguousarray(total.T, np.float32)

    def sound(self, seed: int | tuple[int, ...]) -> Array:
        """float32 mono at 24 kHz; the seed draws the noise."""
        rng = np.random.default_rng(seed)
        parts = (self.harmonic, self.dispersion, self.noise, self.breath, self.phase, self.pitch)
        return dsp.synth(*parts, rng)


class StockVoice:
    """The one voice in hibari's wheel. Nothing is ever downloaded."""

    def __init__(self) -> None:
        self._hibari = Hibari(voice="heart", threads=1)

    def phonemes(self, text: str) -> list[str]:
        """The sentences of a text as phonemes; a text without a word gives none."""
        return [p for p in self._hibari.phonemize(text) if any(c.isalpha() for c in p)]

    def read(self, phonemes: str, pace: float = 1.0) -> Sentence:
        """Speak a sentence's phonemes; `pace` 1.2 is a fifth faster."""
        ids = np.asarray([self._hibari.ids(phonemes)], np.int64)
        parts = self._hibari.sess.run(None, {"ids": ids, "speed": np.asarray([pace], np.float32)})
        harmonic, dispersion, noise, breath, phase, pitch = (part[0] for part in cast(list[Array], parts))
        pitch = np.where(pitch > VOICED_HZ, pitch, 0.0).astype(np.float32)
        return Sentence(harmonic, dispersion, noise, breath, phase, pitch)
