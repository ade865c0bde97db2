"""Exemplar matching: every frame moves towards the reference's frames that it resembles most.

Two frames are alike if their cepstra and deltas are; and, where the stock voice has read the reference's
transcript, if the stock voice's frames at both are. The latter is the better guide to which sound it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview.analysis.frames import Mask
from fishd.engines.preview.analysis.mel_bands import Array, deltas
from fishd.engines.preview.conversion.voice_profile import MATCHED, Exemplars
from fishd.engines.preview.stock_voice import HOP_S

MIN_EXEMPLARS = 20  # fewer are not matched
UNPAIRED = 1e6  # added to the squared distance, beyond that of any pair


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How strongly to match; the defaults were chosen on 21 speakers, by voice similarity and word errors."""

    blend: float = 0.7  # of the way towards the nearest frames
    neighbours: int = 4
    stock_weight: float = 0.7  # of the stock voice's features, for paired exemplars
    own_weight: float = 0.51  # of the reference's features, for paired exemplars
    fine: int = 40  # cepstra from here on are not changed

    def for_unvoiced(self) -> MatchSettings:
        """Unvoiced sounds are harder to tell apart and suffer more from a mismatch."""
        return replace(self, blend=0.6 * self.blend)


@dataclass(frozen=True, slots=True)
class StockFrames:
    """The sentence as the stock voice has it: cepstra [n, 64], and their usual spread [64]."""

    ceps: Array
    spread: Array


def match_exemplars(
    ceps: Array, mask: Mask, stock: StockFrames, voice: Exemplars, settings: MatchSettings
) -> Array:
    """Cepstra [n, 64] with the frames in `mask` moved towards the voice's exemplars; c0, the level, stays."""
    if len(voice) < MIN_EXEMPLARS or not mask.any() or settings.blend <= 0:
        return ceps
    queries, keys = _features(ceps, mask, stock, voice, settings)
    nearest, weight = _nearest(queries, keys, voice, settings.neighbours)
    target = np.einsum("nk,nkc->nc", weight, voice.ceps[nearest])
    change = settings.blend * (target - ceps[mask])
    change[:, 0], change[:, settings.fine :] = 0.0, 0.0
    out = ceps.copy()
    out[mask] += change
    return out


def _features(
    ceps: Array, mask: Mask, stock: StockFrames, voice: Exemplars, settings: MatchSettings
) -> tuple[Array, Array]:
    """Frames [n, d] and exemplars [m, d] to compare: cepstra and deltas, scaled by their spread."""
    is_paired = voice.paired.any()
    scale = (settings.own_weight if is_paired else 1.0) / (voice.ceps[:, MATCHED].std(0) + 1e-3)
    queries = [_with_deltas(ceps, mask) * np.tile(scale, 2)]
    keys = [np.hstack([voice.ceps[:, MATCHED], voice.deltas]) * np.tile(scale, 2)]
    if is_paired:
        scale = settings.stock_weight / (stock.spread[MATCHED] + 1e-3)
        queries.append(_with_deltas(stock.ceps, mask) * np.tile(scale, 2))
        keys.append(np.hstack([voice.stock_ceps, voice.stock_deltas]) * np.tile(scale, 2))
    return np.hstack(queries), np.hstack(keys)


def _with_deltas(ceps: Array, mask: Mask) -> Array:
    matched = ceps[:, MATCHED]
    return np.hstack([matched[mask], deltas(matched, HOP_S)[mask]])


def _nearest(queries: Array, keys: Array, voice: Exemplars, k: int) -> tuple[NDArray[np.intp], Array]:
    """Each frame's k nearest exemplars and their weights (sum 1), both [n, k]."""
    square = (queries * queries).sum(1)[:, None] + (keys * keys).sum(1)[None] - 2 * (queries @ keys.T)
    if voice.paired.any():
        square[:, ~voice.paired] += UNPAIRED
    nearest = np.argpartition(square, k - 1, axis=1)[:, :k]
    distance = np.maximum(np.take_along_axis(square, nearest, 1), 0.0)
    weight = np.exp(-(distance - distance.min(1, keepdims=True)) / (2 * distance.mean() / k + 1e-9))
    return nearest, weight / weight.sum(1, keepdims=True)
