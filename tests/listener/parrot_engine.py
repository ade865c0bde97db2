"""An engine that says what its reference says, whatever the text: `tests.listener.parrot_engine:factory`.

A take whose text contains the option `loses` says its reference without the last words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import soundfile
import soxr

from fishd.engines.protocol import Spoken, Take

SAMPLE_RATE = 24_000


def factory(_device: str, options: Mapping[str, object]) -> ParrotEngine:
    return ParrotEngine(str(options.get("loses", "\0")))


class ParrotEngine:
    name = "parrot"
    sample_rate = SAMPLE_RATE
    capacity = 1

    def __init__(self, loses: str) -> None:
        self._loses = loses
        self._takes: list[Take] = []

    def start(self, take: Take) -> None:
        self._takes.append(take)

    def step(self) -> list[Spoken]:
        takes, self._takes = self._takes, []
        return [Spoken(take.id, self._audio(take)) for take in takes]

    def close(self) -> None:
        pass

    def _audio(self, take: Take) -> np.ndarray:
        audio, rate = soundfile.read(take.voice.clips[0], dtype="float32")
        audio = soxr.resample(audio, rate, SAMPLE_RATE)
        if self._loses not in take.text:
            return audio
        fade = np.linspace(1, 0, SAMPLE_RATE // 10, dtype=np.float32)  # else the signal check finds the cut
        kept = audio[: len(audio) * 5 // 6].copy()
        kept[-len(fade) :] *= fade
        return np.concatenate([kept, 1e-4 * audio[-SAMPLE_RATE // 2 :]])
