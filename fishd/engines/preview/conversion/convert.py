"""Conversion: a sentence of the stock voice, reshaped towards a reference voice.

In the cepstra of mel bands, voiced and unvoiced frames separately: first to the reference's mean and
variance, then towards its exemplars. The result is a change of the log envelope, smooth in time, which is
added to the stock voice's envelopes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fishd.engines.preview.analysis.frames import Mask, active_power, find_active
from fishd.engines.preview.analysis.mel_bands import (
    Array,
    cepstra,
    interpolate_to_bins,
    inverse_cepstra,
    log_bands,
    smooth,
    warped_bins,
)
from fishd.engines.preview.conversion.exemplar_match import (
    MIN_EXEMPLARS,
    MatchSettings,
    StockFrames,
    match_exemplars,
)
from fishd.engines.preview.conversion.stock_profile import StockProfile
from fishd.engines.preview.conversion.voice_profile import Exemplars, VoiceProfile
from fishd.engines.preview.stock_voice import HOP_S, NUM_BINS, Sentence

PITCH_SPREAD_RATIO = (0.7, 1.5)
CEPSTRAL_SPREAD_RATIO = (0.75, 1.35)
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0
MAX_CHANGE = 3.5  # nepers, in a band
SMOOTHING = 0.01 / HOP_S  # frames


def convert(
    sentence: Sentence, profile: VoiceProfile, stock: StockProfile, settings: MatchSettings
) -> Sentence:
    """The sentence with the reference's pitch and timbre. Its pace does not change."""
    power = sentence.power()
    active = find_active(power, HOP_S)
    power /= active_power(power, active)
    ceps = cepstra(log_bands(_warp_rows(power.T, profile.warp).T))
    stock_ceps = cepstra(log_bands(power, profile.warp))
    target = _target(ceps, stock_ceps, sentence.voiced, profile=profile, stock=stock, settings=settings)
    change = interpolate_to_bins(_limit_change(inverse_cepstra(target - ceps), active), NUM_BINS).T
    pitch = _convert_pitch(sentence.pitch, profile, stock)
    density = _density_gain(sentence.pitch, pitch)
    return replace(
        sentence,
        harmonic=_warp_rows(sentence.harmonic, profile.warp) + change + density,
        noise=_warp_rows(sentence.noise, profile.warp) + change,
        residual=_warp_rows(sentence.residual, profile.warp) + change,
        pitch=pitch,
    )


def _target(
    ceps: Array,
    stock_ceps: Array,
    voiced: Mask,
    *,
    profile: VoiceProfile,
    stock: StockProfile,
    settings: MatchSettings,
) -> Array:
    """The cepstra [n, 64] to convert to."""
    stock_voiced, stock_unvoiced = stock.at(profile.warp)
    as_voiced = _match_voiced(ceps, stock_voiced, profile.voiced)
    stock_frames = StockFrames(stock_ceps, stock_voiced.std(0))
    as_voiced = match_exemplars(as_voiced, voiced, stock_frames, profile.voiced, settings)
    as_unvoiced = _match_unvoiced(ceps, stock_voiced, stock_unvoiced, profile)
    stock_frames = StockFrames(stock_ceps, stock_unvoiced.std(0))
    as_unvoiced = match_exemplars(
        as_unvoiced, ~voiced, stock_frames, profile.unvoiced, settings.for_unvoiced()
    )
    share = smooth(voiced.astype(np.float32), SMOOTHING)[:, None]
    return share * as_voiced + (1 - share) * as_unvoiced


def _match_voiced(ceps: Array, stock: Array, voice: Exemplars) -> Array:
    ratio = np.clip(voice.ceps.std(0) / stock.std(0), *CEPSTRAL_SPREAD_RATIO)
    ratio[0], ratio[30:] = 1.0, 1.0
    return (ceps - stock.mean(0)) * ratio + voice.ceps.mean(0)


def _match_unvoiced(ceps: Array, stock_voiced: Array, stock_unvoiced: Array, profile: VoiceProfile) -> Array:
    """The fewer unvoiced frames a clip has, the less their mean is trusted."""
    count = len(profile.unvoiced)
    if count < MIN_EXEMPLARS:
        return ceps + 0.5 * (profile.voiced.ceps.mean(0) - stock_voiced.mean(0))
    trust = 0.9 * count / (count + 60)
    return ceps + trust * (profile.unvoiced.ceps.mean(0) - stock_unvoiced.mean(0))


def _limit_change(change: Array, active: Mask) -> Array:
    """Bound the change, smooth it, and fade it to a slow average in silence."""
    change = smooth(np.clip(change, -MAX_CHANGE, MAX_CHANGE), SMOOTHING)
    activity = smooth(active.astype(np.float32), 0.015 / HOP_S)[:, None]
    return activity * change + (1 - activity) * 0.5 * smooth(change, 0.1 / HOP_S)


def _convert_pitch(pitch: Array, profile: VoiceProfile, stock: StockProfile) -> Array:
    """Log pitch with the reference's median and spread."""
    ratio = np.clip(profile.pitch_spread / stock.pitch_spread, *PITCH_SPREAD_RATIO)
    log = profile.pitch_median + (np.log(np.maximum(pitch, 1.0)) - stock.pitch_median) * ratio
    return np.where(pitch > 0, np.clip(np.exp(log), LOWEST_HZ, HIGHEST_HZ), 0.0).astype(np.float32)


def _density_gain(before: Array, after: Array) -> Array:
    """The log gain per harmonic that keeps the envelope when a new pitch changes the harmonics' density."""
    return 0.5 * np.log(np.maximum(after, 1.0) / np.maximum(before, 1.0))


def _warp_rows(rows: Array, warp: float) -> Array:
    """Rows [bins, frames] of the warped spectrum, by linear interpolation."""
    if warp == 1.0:
        return rows
    at = warped_bins(len(rows), warp)
    low = np.clip(at.astype(int), 0, len(rows) - 2)
    part = (at - low).astype(np.float32)[:, None]
    return rows[low] * (1 - part) + rows[low + 1] * part
