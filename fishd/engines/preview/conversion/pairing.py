"""Pairing: which frame of the stock voice goes with which frame of a clip, when both say the same text.

By dynamic time warping: Sakoe & Chiba, "Dynamic programming algorithm optimization for spoken word
recognition" (1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview import stock_voice
from fishd.engines.preview.analysis import reference
from fishd.engines.preview.analysis.frames import Frames, concatenate, make_frames
from fishd.engines.preview.analysis.mel_bands import Array
from fishd.engines.preview.stock_voice import StockVoice

PLAUSIBLE_PACES = (0.4, 2.5)  # outside, the transcript is not what the clip says
MAX_CELLS = 4_000_000  # of the alignment: 32 MB
STALL_COST = np.float32(0.3)  # for staying at a frame, as a fraction of the frames' distance


@dataclass(frozen=True, slots=True)
class Pairing:
    """The clip's pace against the stock voice, and the stock voice's frame for each frame of the clip."""

    pace: float
    stock_ceps: Array  # [n, 64]
    frame: NDArray[np.intp]  # [frames of the clip], -1 where unpaired


def pair_frames(frames: Frames, transcript: list[str], warp: float, voice: StockVoice) -> Pairing | None:
    """Have the stock voice read the transcript and align it with the clip; None if they do not fit."""
    stock = concatenate([_read(phonemes, warp, voice) for phonemes in transcript])
    stock_span, clip_span = stock.speech_span(), frames.speech_span()
    stock_s = (stock_span.stop - stock_span.start) * stock_voice.HOP_S
    pace = stock_s / max((clip_span.stop - clip_span.start) * reference.HOP_S, 1e-3)
    if not PLAUSIBLE_PACES[0] < pace < PLAUSIBLE_PACES[1]:
        return None
    stock_features, clip_features = _features(stock, stock_span), _features(frames, clip_span)
    hop_ratio = round(stock_voice.HOP_S / reference.HOP_S)
    num_cells = len(stock_features) * len(clip_features) / hop_ratio
    step = max(1, ceil((num_cells / MAX_CELLS) ** 0.5))
    stride = step * hop_ratio
    path = align(stock_features[::step], clip_features[::stride]) * step
    frame = np.full(len(frames.ceps), -1)
    frame[clip_span] = stock_span.start + path[np.arange(len(clip_features)) // stride]
    return Pairing(pace, stock.ceps, frame)


def align(features: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.intp]:
    """For every frame of `onto` [m, d] its frame in `features` [n, d], never decreasing.

    The cost matrix is filled along anti-diagonals. Memory: 8·n·m bytes.
    """
    return _backtrack(_accumulate(_distances(features, onto)))


def _read(phonemes: str, warp: float, voice: StockVoice) -> Frames:
    sentence = voice.synthesise(phonemes)
    return make_frames(sentence.power(), sentence.pitch, stock_voice.HOP_S, warp)


def _features(frames: Frames, span: slice) -> Array:
    """Features [n, 18] that two voices share when they say the same: shape, voicing, level, normalised."""
    shape, voiced = frames.ceps[:, 1:17].copy(), frames.pitch > 0
    for mask in (voiced, ~voiced):
        if mask.any():
            shape[mask] = (shape[mask] - shape[mask].mean(0)) / (shape[mask].std(0) + 1e-3)
    level = frames.ceps[:, :1]
    level = (level - level[span].max()) / (level[span].std() + 1e-3)
    return np.concatenate([shape, 1.5 * voiced[:, None], 0.6 * level], 1).astype(np.float32)[span]


def _distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    square = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * (a @ b.T)
    return np.sqrt(np.maximum(square, 0.0))


def _accumulate(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n + 1, m + 1]: the lowest cost from the first pair of frames to each pair."""
    n, m = len(distance), len(distance[0])
    cost = np.full((n + 1, m + 1), np.inf, np.float32)
    cost[0, 0] = 0.0
    for diagonal in range(2, n + m + 1):
        i = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        j = diagonal - i
        here = distance[i - 1, j - 1]
        stall = np.minimum(cost[i - 1, j], cost[i, j - 1]) + STALL_COST * here
        cost[i, j] = here + np.minimum(stall, cost[i - 1, j - 1])
    return cost


def _backtrack(cost: NDArray[np.float32]) -> NDArray[np.intp]:
    i, j = cost.shape[0] - 1, cost.shape[1] - 1
    path = np.zeros(j, np.intp)
    while i > 0 and j > 0:
        path[j - 1] = i - 1
        both, down, along = cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1]
        best = min(both, down, along)
        i, j = (i - 1, j - 1) if best == both else (i - 1, j) if best == down else (i, j - 1)
    return path
