"""Shape a sentence of the stock voice towards a reference voice.

In the cepstra of mel bands: the mean and the variance of the reference, voiced and unvoiced apart; then each
frame is drawn towards the reference's own frames that are most like it. What comes out is a change of the
log envelope, smooth in time, which is laid over the stock voice's envelopes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fishd.engines.preview.analysis.frames import Mask, active_power, find_active
from fishd.engines.preview.analysis.mel_bands import (
    Array,
    bands_of,
    cepstra,
    log_bands,
    smooth,
    spread_over_bins,
    warped_bins,
)
from fishd.engines.preview.analysis.warp import Base
from fishd.engines.preview.conversion.frame_selection import FEWEST, Settings, StockSide, draw
from fishd.engines.preview.conversion.voice import Exemplars, Likeness
from fishd.engines.preview.stock_voice import HOP_S, NUM_BINS, Sentence

PITCH_RATIO = (0.7, 1.5)
SPREAD_RATIO = (0.75, 1.35)
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0
MOST_CHANGE = 3.5  # nepers, in a band
SMOOTH = 0.01 / HOP_S  # frames


def convert(sentence: Sentence, likeness: Likeness, base: Base, settings: Settings) -> Sentence:
    """The sentence with the reference's pitch and timbre. Its pace is what it was read at."""
    power = sentence.power()
    active = find_active(power, HOP_S)
    power /= active_power(power, active)
    ceps = cepstra(log_bands(_warp_rows(power.T, likeness.warp).T))
    stock_ceps = cepstra(log_bands(power, likeness.warp))
    wanted = _wanted(ceps, stock_ceps, sentence.voiced, likeness=likeness, base=base, settings=settings)
    over = spread_over_bins(_settle(bands_of(wanted - ceps), active), NUM_BINS).T
    pitch = _pitch(sentence.pitch, likeness, base)
    return replace(
        sentence,
        harmonic=_warp_rows(sentence.harmonic, likeness.warp) + over + _denser(sentence.pitch, pitch),
        noise=_warp_rows(sentence.noise, likeness.warp) + over,
        breath=_warp_rows(sentence.breath, likeness.warp) + over,
        pitch=pitch,
    )


def _wanted(
    ceps: Array, stock_ceps: Array, voiced: Mask, *, likeness: Likeness, base: Base, settings: Settings
) -> Array:
    """The cepstra [n, 64] that the reference might have had here."""
    base_voiced, base_unvoiced = base.at(likeness.warp)
    as_voiced = _match_voiced(ceps, base_voiced, likeness.voiced)
    side = StockSide(stock_ceps, base_voiced.std(0))
    as_voiced = draw(as_voiced, voiced, side, likeness.voiced, settings)
    as_unvoiced = _match_unvoiced(ceps, base_voiced, base_unvoiced, likeness)
    side = StockSide(stock_ceps, base_unvoiced.std(0))
    as_unvoiced = draw(as_unvoiced, ~voiced, side, likeness.unvoiced, settings.for_unvoiced())
    share = smooth(voiced.astype(np.float32), SMOOTH)[:, None]
    return share * as_voiced + (1 - share) * as_unvoiced


def _match_voiced(ceps: Array, base: Array, voice: Exemplars) -> Array:
    ratio = np.clip(voice.ceps.std(0) / base.std(0), *SPREAD_RATIO)
    ratio[0], ratio[30:] = 1.0, 1.0
    return (ceps - base.mean(0)) * ratio + voice.ceps.mean(0)


def _match_unvoiced(ceps: Array, base_voiced: Array, base_unvoiced: Array, likeness: Likeness) -> Array:
    """A clip may have little that is unvoiced: the fewer the frames, the less their mean is trusted."""
    heard = len(likeness.unvoiced)
    if heard < FEWEST:
        return ceps + 0.5 * (likeness.voiced.ceps.mean(0) - base_voiced.mean(0))
    trust = 0.9 * heard / (heard + 60)
    return ceps + trust * (likeness.unvoiced.ceps.mean(0) - base_unvoiced.mean(0))


def _settle(change: Array, active: Mask) -> Array:
    """Bound the change, smooth it, and let it fade to a slow average where nothing is said."""
    change = smooth(np.clip(change, -MOST_CHANGE, MOST_CHANGE), SMOOTH)
    said = smooth(active.astype(np.float32), 0.015 / HOP_S)[:, None]
    return said * change + (1 - said) * 0.5 * smooth(change, 0.1 / HOP_S)


def _pitch(pitch: Array, likeness: Likeness, base: Base) -> Array:
    """Log pitch moved to the reference's median and spread."""
    ratio = np.clip(likeness.pitch_spread / base.pitch_spread, *PITCH_RATIO)
    log = likeness.pitch_median + (np.log(np.maximum(pitch, 1.0)) - base.pitch_median) * ratio
    return np.where(pitch > 0, np.clip(np.exp(log), LOWEST_HZ, HIGHEST_HZ), 0.0).astype(np.float32)


def _denser(before: Array, after: Array) -> Array:
    """What a lower pitch's denser harmonics must each give up, in log amplitude, to keep the envelope."""
    return 0.5 * np.log(np.maximum(after, 1.0) / np.maximum(before, 1.0))


def _warp_rows(rows: Array, warp: float) -> Array:
    """Rows [bins, frames] read at the warped places, linear in between."""
    if warp == 1.0:
        return rows
    at = warped_bins(len(rows), warp)
    low = np.clip(at.astype(int), 0, len(rows) - 2)
    part = (at - low).astype(np.float32)[:, None]
    return rows[low] * (1 - part) + rows[low + 1] * part
