"""The stock voice: hibari reads an English sentence and returns its spectra before they become audio.

Every 12.5 ms hibari's network predicts an envelope for the harmonics of a pitch, one for noise, and a
residual with phases of its own, which fills what the harmonics leave out. That is an exact source-filter
model of the sentence: the stock voice never needs analysis. Envelopes and pitch are reshaped first and
rendered afterwards. Formulas: hibari's dsp module.
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
MIN_VOICED_HZ = 40.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence before rendering. Envelopes and phases are [601 bins, frames], `pitch` is [frames].

    `harmonic`, `noise` and `residual` are log magnitudes of the audio's STFT; `dispersion` and
    `residual_phase` are the phases of the harmonics (before tanh) and of the residual; `pitch` is in Hz, 0
    where unvoiced.
    """

    harmonic: Array
    dispersion: Array
    noise: Array
    residual: Array
    residual_phase: Array
    pitch: Array

    @property
    def voiced(self) -> NDArray[np.bool_]:
        return self.pitch > MIN_VOICED_HZ

    def power(self) -> Array:
        """Power spectra [frames, 601] in units of the audio's power per Hz (a periodogram's mean)."""
        harmonic = np.exp(2 * self.harmonic) * (self.voiced / (1.8e5 * np.maximum(self.pitch, MIN_VOICED_HZ)))
        total = harmonic + np.exp(2 * self.residual) / 5.4e6 + np.exp(2 * self.noise) / 2.7e6
        return np.ascontiguousarray(total.T, np.float32)

    def render(self, seed: int | tuple[int, ...]) -> Array:
        """The audio, float32 mono at 24 kHz; the seed determines its noise."""
        rng = np.random.default_rng(seed)
        envelopes = (self.harmonic, self.dispersion, self.noise, self.residual, self.residual_phase)
        return dsp.synth(*envelopes, self.pitch, rng)


class StockVoice:
    """The one voice in hibari's wheel. Nothing is ever downloaded."""

    def __init__(self) -> None:
        self._hibari = Hibari(voice="heart", threads=1)

    def phonemes(self, text: str) -> list[str]:
        """The sentences of a text as phonemes; none for a text without a word."""
        return [p for p in self._hibari.phonemize(text) if any(c.isalpha() for c in p)]

    def synthesise(self, phonemes: str, pace: float = 1.0) -> Sentence:
        """A sentence from its phonemes; `pace` 1.2 is a fifth faster."""
        ids = np.asarray([self._hibari.ids(phonemes)], np.int64)
        parts = self._hibari.sess.run(None, {"ids": ids, "speed": np.asarray([pace], np.float32)})
        harmonic, dispersion, noise, residual, phase, pitch = (part[0] for part in cast(list[Array], parts))
        pitch = np.where(pitch > MIN_VOICED_HZ, pitch, 0.0).astype(np.float32)
        return Sentence(harmonic, dispersion, noise, residual, phase, pitch)
