"""Draw frames towards a voice's own: each becomes more like the frames of the reference that it resembles.

Two frames are alike if their cepstra are, and move alike; and, where the stock voice has read the reference's
transcript, if the stock voice sounded alike at both. The second side is the safer guide to which sound it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview.analysis.frames import Mask
from fishd.engines.preview.analysis.mel_bands import Array, deltas
from fishd.engines.preview.conversion.voice import MATCHED, Exemplars
from fishd.engines.preview.stock_voice import HOP_S

FEWEST = 20  # exemplars worth drawing towards
UNPAIRED = 1e6  # a distance that no pair has


@dataclass(frozen=True, slots=True)
class Settings:
    """How far to go; the defaults were chosen on 21 speakers, by voice similarity and word errors."""

    blend: float = 0.7  # of the way towards the nearest frames
    neighbours: int = 4
    stock_weight: float = 0.7  # of the stock voice's side of a pair
    own_weight: float = 0.51  # of the reference's side, where there are pairs
    fine: int = 40  # cepstra from here on stay as they are

    def for_unvoiced(self) -> Settings:
        """Noise is told apart less surely, and suffers more."""
        return replace(self, blend=0.6 * self.blend)


@dataclass(frozen=True, slots=True)
class StockSide:
    """The sentence as the stock voice has it: cepstra [n, 64], and their usual spread [64]."""

    ceps: Array
    spread: Array


def draw(ceps: Array, here: Mask, side: StockSide, voice: Exemplars, settings: Settings) -> Array:
    """Cepstra [n, 64] with the frames `here` drawn towards the voice; the level (the first) stays."""
    if len(voice) < FEWEST or not here.any() or settings.blend <= 0:
        return ceps
    asked, offered = _features(ceps, here, side, voice, settings)
    near, weight = _nearest(asked, offered, voice, settings.neighbours)
    drawn = np.einsum("nk,nkc->nc", weight, voice.ceps[near])
    step = settings.blend * (drawn - ceps[here])
    step[:, 0], step[:, settings.fine :] = 0.0, 0.0
    out = ceps.copy()
    out[here] += step
    return out


def _features(
    ceps: Array, here: Mask, side: StockSide, voice: Exemplars, settings: Settings
) -> tuple[Array, Array]:
    """What is compared: [frames here, d] and [exemplars, d]. Cepstra and moves, in units of their spread."""
    is_paired = voice.paired.any()
    scale = (settings.own_weight if is_paired else 1.0) / (voice.ceps[:, MATCHED].std(0) + 1e-3)
    asked = [_with_moves(ceps, here) * np.tile(scale, 2)]
    offered = [np.hstack([voice.ceps[:, MATCHED], voice.moves]) * np.tile(scale, 2)]
    if is_paired:
        scale = settings.stock_weight / (side.spread[MATCHED] + 1e-3)
        asked.append(_with_moves(side.ceps, here) * np.tile(scale, 2))
        offered.append(np.hstack([voice.stock_ceps, voice.stock_moves]) * np.tile(scale, 2))
    return np.hstack(asked), np.hstack(offered)


def _with_moves(ceps: Array, here: Mask) -> Array:
    matched = ceps[:, MATCHED]
    return np.hstack([matched[here], deltas(matched, HOP_S)[here]])


def _nearest(asked: Array, offered: Array, voice: Exemplars, k: int) -> tuple[NDArray[np.intp], Array]:
    """For each frame asked for, its k nearest exemplars and their weights (sum 1), both [n, k]."""
    square = (asked * asked).sum(1)[:, None] + (offered * offered).sum(1)[None] - 2 * (asked @ offered.T)
    if voice.paired.any():
        square[:, ~voice.paired] += UNPAIRED
    near = np.argpartition(square, k - 1, axis=1)[:, :k]
    far = np.maximum(np.take_along_axis(square, near, 1), 0.0)
    weight = np.exp(-(far - far.min(1, keepdims=True)) / (2 * far.mean() / k + 1e-9))
    return near, weight / weight.sum(1, keepdims=True)
