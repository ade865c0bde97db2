"""Learn a reference voice from its clips and what they say. Done once a voice; see cache.py."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview import stock_voice as stock
from fishd.engines.preview.analysis import reference
from fishd.engines.preview.analysis.align import align
from fishd.engines.preview.analysis.frames import Frames, Mask, frames_of, join, pitch_range
from fishd.engines.preview.analysis.loudness import loudness_of
from fishd.engines.preview.analysis.mel_bands import Array, deltas
from fishd.engines.preview.analysis.warp import Base, find_warp
from fishd.engines.preview.conversion.bias_correction import proof_listen
from fishd.engines.preview.conversion.voice import MATCHED, Exemplars, Likeness
from fishd.engines.protocol import BadClip

MOST_EXEMPLARS = 6000
FEWEST_VOICED_S = 0.25
PACES = (0.4, 2.5)  # a transcript that would be read so much slower or faster is not that clip's
MOST_CELLS = 4_000_000  # of the alignment: 32 MB


@dataclass(frozen=True, slots=True)
class Pairing:
    """The stock voice's reading of the transcript, and which of its frames goes with which of the clip's."""

    pace: float
    stock_ceps: Array  # [n, 64]
    frame: NDArray[np.intp]  # [frames of the clip], -1 where unpaired


def learn(sounds: list[Array], transcript: list[str], voice: stock.StockVoice, base: Base) -> Likeness:
    """Learn a voice from clips (mono, 24 kHz) and their transcript's phonemes ([] if it cannot be read).

    Raises BadClip if next to nothing in them has a pitch.
    """
    frames = join([reference.analyse(sound) for sound in sounds])
    if frames.voiced.sum() * reference.HOP_S < FEWEST_VOICED_S:
        raise BadClip("the reference has under a quarter of a second of voiced speech; give a clearer clip")
    median, spread = pitch_range(frames.pitch[frames.voiced])
    warp = find_warp(frames.ceps[frames.voiced], median, base)
    pairing = pair(frames, transcript, warp, voice) if transcript else None
    likeness = Likeness(
        warp,
        pairing.pace if pairing else 1.0,
        float(frames.active.sum()) * reference.HOP_S,
        median,
        spread,
        float(np.mean([loudness_of(sound) for sound in sounds])),
        _exemplars(frames, frames.voiced, pairing),
        _exemplars(frames, frames.unvoiced, pairing),
    )
    return proof_listen(likeness, frames, transcript if pairing else [], voice, base)


def pair(frames: Frames, transcript: list[str], warp: float, voice: stock.StockVoice) -> Pairing | None:
    """Let the stock voice read the transcript, and align it with the clip; None if they do not fit."""
    read = join([_reading(phonemes, warp, voice) for phonemes in transcript])
    ours, theirs = read.speech(), frames.speech()
    pace = (ours.stop - ours.start) * stock.HOP_S / max((theirs.stop - theirs.start) * reference.HOP_S, 1e-3)
    if not PACES[0] < pace < PACES[1]:
        return None
    ours_at, theirs_at = _alignable(read, ours), _alignable(frames, theirs)
    per_frame = round(stock.HOP_S / reference.HOP_S)
    step = max(1, ceil((len(ours_at) * len(theirs_at) / per_frame / MOST_CELLS) ** 0.5))
    stride = step * per_frame
    path = align(ours_at[::step], theirs_at[::stride]) * step
    frame = np.full(len(frames.ceps), -1)
    frame[theirs] = ours.start + path[np.arange(len(theirs_at)) // stride]
    return Pairing(pace, read.ceps, frame)


def _reading(phonemes: str, warp: float, voice: stock.StockVoice) -> Frames:
    sentence = voice.read(phonemes)
    return frames_of(sentence.power(), sentence.pitch, stock.HOP_S, warp)


def _alignable(frames: Frames, speech: slice) -> Array:
    """Features [n, 18] in which two voices' readings are alike: shape, voicing and level, each normalised."""
    shape, voiced = frames.ceps[:, 1:17].copy(), frames.pitch > 0
    for mask in (voiced, ~voiced):
        if mask.any():
            shape[mask] = (shape[mask] - shape[mask].mean(0)) / (shape[mask].std(0) + 1e-3)
    level = frames.ceps[:, :1]
    level = (level - level[speech].max()) / (level[speech].std() + 1e-3)
    return np.concatenate([shape, 1.5 * voiced[:, None], 0.6 * level], 1).astype(np.float32)[speech]


def _exemplars(frames: Frames, mask: Mask, pairing: Pairing | None) -> Exemplars:
    (at,) = np.nonzero(mask)
    at = at[np.linspace(0, len(at) - 1, min(MOST_EXEMPLARS, len(at))).astype(int)]
    moves = deltas(frames.ceps[:, MATCHED], reference.HOP_S)[at]
    if pairing is None:
        nothing = np.zeros_like(moves)
        return Exemplars(frames.ceps[at], moves, nothing, nothing, np.zeros(len(at), bool))
    frame = pairing.frame[at]
    stock_ceps = pairing.stock_ceps[:, MATCHED]
    stock_moves = deltas(stock_ceps, stock.HOP_S)
    return Exemplars(frames.ceps[at], moves, stock_ceps[frame], stock_moves[frame], frame >= 0)
