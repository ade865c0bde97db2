"""Enrolment: a reference voice's profile from its clips and their transcript, once per voice."""

from __future__ import annotations

import numpy as np

from fishd.engines.preview import stock_voice
from fishd.engines.preview.analysis import reference
from fishd.engines.preview.analysis.frames import Frames, Mask, concatenate, pitch_statistics
from fishd.engines.preview.analysis.loudness import speech_level
from fishd.engines.preview.analysis.mel_bands import Array, deltas
from fishd.engines.preview.conversion.bias_correction import correct_bias
from fishd.engines.preview.conversion.pairing import Pairing, pair_frames
from fishd.engines.preview.conversion.stock_profile import WARPS, StockProfile
from fishd.engines.preview.conversion.voice_profile import MATCHED, Exemplars, VoiceProfile
from fishd.engines.preview.stock_voice import StockVoice
from fishd.engines.protocol import BadClip

MAX_EXEMPLARS = 6000
MIN_VOICED_S = 0.25
VOWEL_CEPSTRA = slice(1, 17)  # those that distinguish vowels
MAX_CLIP_FRAMES, MAX_STOCK_FRAMES = 500, 1500  # compared for the warp
PITCH_PRIOR = 0.0175  # the weight of the warp that pitch alone suggests


def enroll(clips: list[Array], transcript: list[str], voice: StockVoice, stock: StockProfile) -> VoiceProfile:
    """The profile of a voice from its clips (mono, 24 kHz) and their transcript as phonemes ([] if unknown).

    Raises BadClip for clips with hardly any voiced speech.
    """
    frames = concatenate([reference.analyse(clip) for clip in clips])
    if frames.voiced.sum() * reference.HOP_S < MIN_VOICED_S:
        raise BadClip("the reference has under a quarter of a second of voiced speech; give a clearer clip")
    median, spread = pitch_statistics(frames.pitch[frames.voiced])
    warp = find_warp(frames.ceps[frames.voiced], median, stock)
    pairing = pair_frames(frames, transcript, warp, voice) if transcript else None
    profile = VoiceProfile(
        warp,
        pairing.pace if pairing else 1.0,
        float(frames.active.sum()) * reference.HOP_S,
        median,
        spread,
        float(np.mean([speech_level(clip) for clip in clips])),
        _exemplars(frames, frames.voiced, pairing),
        _exemplars(frames, frames.unvoiced, pairing),
    )
    return correct_bias(profile, frames, transcript if pairing else [], voice, stock)


def find_warp(voiced: Array, pitch_median: float, stock: StockProfile) -> float:
    """The one of WARPS under which the stock voice's vowels are nearest to the reference's.

    `voiced` are cepstra [n, 64]. Each voice is normalised by its own mean, since what is constant in a
    recording (microphone, room) says nothing of the vocal tract. A weak prior relates high pitch to short
    tracts.
    """
    spread = voiced[:, VOWEL_CEPSTRA].std(0)
    clip = _subsample(_normalised(voiced, spread), MAX_CLIP_FRAMES)
    distances = [_distance(clip, _normalised(stock.at(warp)[0], spread)) for warp in WARPS]
    costs = np.array(distances)
    expected = 0.32 * (pitch_median - stock.pitch_median)
    prior = np.square((np.log(WARPS) - expected) / 0.12)
    return WARPS[int(np.argmin(costs / costs.min() + PITCH_PRIOR * prior))]


def _normalised(ceps: Array, spread: Array) -> Array:
    return (ceps - ceps.mean(0))[:, VOWEL_CEPSTRA] / spread


def _distance(clip: Array, stock: Array) -> float:
    """The mean distance from the clip's frames to the nearest of the stock voice's."""
    stock = _subsample(stock, MAX_STOCK_FRAMES)
    square = (clip * clip).sum(1)[:, None] + (stock * stock).sum(1)[None] - 2 * (clip @ stock.T)
    return float(np.sqrt(np.maximum(square.min(1), 0.0)).mean())


def _subsample(frames: Array, count: int) -> Array:
    """At most `count` frames, evenly chosen."""
    return frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int)]


def _exemplars(frames: Frames, mask: Mask, pairing: Pairing | None) -> Exemplars:
    (at,) = np.nonzero(mask)
    at = at[np.linspace(0, len(at) - 1, min(MAX_EXEMPLARS, len(at))).astype(int)]
    clip_deltas = deltas(frames.ceps[:, MATCHED], reference.HOP_S)[at]
    if pairing is None:
        none = np.zeros_like(clip_deltas)
        return Exemplars(frames.ceps[at], clip_deltas, none, none, np.zeros(len(at), bool))
    frame = pairing.frame[at]
    stock_ceps = pairing.stock_ceps[:, MATCHED]
    stock_deltas = deltas(stock_ceps, stock_voice.HOP_S)
    return Exemplars(frames.ceps[at], clip_deltas, stock_ceps[frame], stock_deltas[frame], frame >= 0)
