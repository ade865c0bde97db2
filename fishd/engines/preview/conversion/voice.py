"""A reference voice as the converter needs it: its pitch, pace and tract, and how its sounds sound."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.engines.preview.analysis.frames import Mask
from fishd.engines.preview.analysis.mel_bands import Array

NUM_MATCHED = 21  # cepstra 1..20 tell which sound it is
PACES = (0.75, 1.3)
MATCHED = slice(1, NUM_MATCHED)


@dataclass(frozen=True, slots=True)
class Exemplars:
    """Frames of one voice that share voicing, and for each the stock voice's frame of the same sound.

    `ceps` [n, 64], `moves` [n, 20] (their deltas), `stock_ceps` and `stock_moves` [n, 20] likewise,
    `paired` [n]: whether the stock side is known.
    """

    ceps: Array
    moves: Array
    stock_ceps: Array
    stock_moves: Array
    paired: Mask

    def __len__(self) -> int:
        return len(self.ceps)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is kept of a voice. Pitch in log Hz; `level` is the RMS of speech.

    `pace` is against the stock voice reading the same text (1.0 if that is not known), `speech_s` how long
    the clips speak, `warp` one of base.WARPS.
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
    def pace_kept(self) -> float:
        """The pace to read at."""
        return keep_pace(self.pace)


def keep_pace(pace: float) -> float:
    """Very slow and very fast readers are not followed all the way."""
    return min(max(pace, PACES[0]), PACES[1])
