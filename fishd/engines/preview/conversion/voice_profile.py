"""A reference voice's profile: its pitch, pace, level, vocal tract, and exemplars of its speech."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.engines.preview.analysis.frames import Mask
from fishd.engines.preview.analysis.mel_bands import Array

NUM_MATCHED = 21  # cepstra 1..20 identify a sound
MATCHED = slice(1, NUM_MATCHED)
PACE_RANGE = (0.75, 1.3)


@dataclass(frozen=True, slots=True)
class Exemplars:
    """Frames of one voice, all voiced or all unvoiced, and for each the stock voice's frame of the same
    sound.

    `ceps` [n, 64] and `deltas` [n, 20]; `stock_ceps` and `stock_deltas` [n, 20]; `paired` [n] says whether
    the stock voice's frame is known.
    """

    ceps: Array
    deltas: Array
    stock_ceps: Array
    stock_deltas: Array
    paired: Mask

    def __len__(self) -> int:
        return len(self.ceps)


@dataclass(frozen=True, slots=True)
class VoiceProfile:
    """What is known of a reference voice. Pitch in log Hz; `level` is the RMS of its speech.

    `pace` is relative to the stock voice reading the same text (1.0 if unknown), `speech_s` the seconds of
    speech in the clips, `warp` one of WARPS.
    """

    warp: float
    pace: float
    speech_s: float
    pitch_median: float
    pitch_spread: float
    level: float
    voiced: Exemplars
    unvoiced: Exemplars

    @property
    def speaking_pace(self) -> float:
        """The pace to speak at."""
        return clamp_pace(self.pace)


def clamp_pace(pace: float) -> float:
    """A pace within PACE_RANGE: very slow and very fast readers are not followed all the way."""
    return min(max(pace, PACE_RANGE[0]), PACE_RANGE[1])
