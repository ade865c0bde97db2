"""What is learned of a reference voice, once, and kept: its pitch, pace, tract, and how its sounds sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishd.engines.preview import reference, stock
from fishd.engines.preview.align import align
from fishd.engines.preview.bands import deltas
from fishd.engines.preview.base import Base
from fishd.engines.preview.frames import Array, Frames, Mask, frames_of, join, pitch_range
from fishd.engines.preview.loudness import loudness_of
from fishd.engines.preview.warp import find_warp
from fishd.engines.protocol import BadClip

NUM_MATCHED = 21  # cepstra 1..20 tell which sound it is
MOST_EXEMPLARS = 6000
STEADY = 0.5  # log pitch


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
    """A voice as the converter needs it. Pitch in log Hz, `pace` against the stock voice's, `level` RMS."""

    warp: float
    pace: float
    pitch_median: float
    pitch_spread: float
    level: float
    voiced: Exemplars
    unvoiced: Exemplars


@dataclass(frozen=True, slots=True)
class Pairing:
    """The stock voice's reading of the transcript, and which of its frames goes with which of the clip's."""

    pace: float
    stock_ceps: Array  # [n, 64]
    frame: np.ndarray[tuple[int], np.dtype[np.intp]]  # [frames of the clip], -1 where unpaired


def learn(sounds: list[Array], transcript: list[str], voice: stock.StockVoice, base: Base) -> Likeness:
    """Learn a voice from its clips (mono, 24 kHz) and its transcript's phonemes ([] if it cannot be read)."""
    frames = join([reference.analyse(sound) for sound in sounds])
    if frames.voiced.sum() < 40:
        raise BadClip("no voice in the reference: under a quarter of a second of it has a pitch")
    median, spread = pitch_range(frames.pitch[frames.voiced])
    warp = find_warp(frames.ceps[frames.voiced], median, base)
    pairing = pair(frames, transcript, warp, voice) if transcript else None
    level = float(np.mean([loudness_of(sound) for sound in sounds]))
    return Likeness(
        warp,
        pairing.pace if pairing else 1.0,
        median,
        spread,
        level,
        _exemplars(frames, frames.voiced, pairing),
        _exemplars(frames, frames.unvoiced, pairing),
    )


def pair(frames: Frames, transcript: list[str], warp: float, voice: stock.StockVoice) -> Pairing | None:
    """Let the stock voice read the transcript, and align it with the clip; None if they do not fit."""
    sentences = [voice.read(phonemes) for phonemes in transcript]
    read = join([frames_of(s.power(), s.pitch, stock.HOP_S, warp) for s in sentences])
    ours, theirs = read.speech(), frames.speech()
    clip_s = (theirs.stop - theirs.start) * reference.HOP_S
    pace = (ours.stop - ours.start) * stock.HOP_S / max(clip_s, 1e-3)
    if not 0.4 < pace < 2.5:
        return None
    stride = round(stock.HOP_S / reference.HOP_S)
    path, _ = align(_alignable(read, ours)[::1], _alignable(frames, theirs)[::stride])
    frame = np.full(len(frames.ceps), -1)
    frame[theirs] = ours.start + path[np.arange(theirs.stop - theirs.start) // stride]
    return Pairing(pace, read.ceps, frame)


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
    matched = slice(1, NUM_MATCHED)
    moves = deltas(frames.ceps[:, matched], reference.HOP_S)[at]
    if pairing is None:
        nothing = np.zeros_like(moves)
        return Exemplars(frames.ceps[at], moves, nothing, nothing, np.zeros(len(at), bool))
    frame = pairing.frame[at]
    stock_ceps = pairing.stock_ceps[:, matched]
    stock_moves = deltas(stock_ceps, stock.HOP_S)
    return Exemplars(frames.ceps[at], moves, stock_ceps[frame], stock_moves[frame], frame >= 0)
