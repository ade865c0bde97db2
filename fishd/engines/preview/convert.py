"""Shape a sentence of the stock voice towards a reference voice.

In the cepstra of mel bands: the mean and the variance of the reference, voiced and unvoiced apart; then each
frame is drawn towards the reference's own frames that are most like it. What comes out is a change of the
log envelope, smooth in time, which is laid over the stock voice's envelopes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fishd.engines.preview.bands import (
    bands_of,
    cepstra,
    deltas,
    log_bands,
    spread_over_bins,
    warped_bins,
)
from fishd.engines.preview.base import Base
from fishd.engines.preview.frames import Array, Mask, active_power, find_active
from fishd.engines.preview.stock import HOP_S, NUM_BINS, Sentence
from fishd.engines.preview.voice import MATCHED, Exemplars, Likeness


@dataclass(frozen=True, slots=True)
class Settings:
    """How far to go. Measured on 21 speakers; see bench/."""

    blend: float = 0.7  # towards the reference's own frames; unvoiced frames get 0.6 of it
    neighbours: int = 4
    pairs: float = 0.7  # the weight of the stock side of paired frames in the search
    own: float = 0.51  # the weight of the reference side
    smooth_s: float = 0.01
    most: float = 3.5  # nepers of change in a band
    fine: int = 40  # cepstra from here on stay the stock voice's


PITCH_RATIO = (0.7, 1.5)
SPREAD_RATIO = (0.75, 1.35)
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0


def convert(sentence: Sentence, likeness: Likeness, base: Base, settings: Settings) -> Sentence:
    """The sentence with the reference's pitch and timbre. Its pace is what it was read at."""
    power = sentence.power()
    active = find_active(power, HOP_S)
    power /= active_power(power, active)
    plain = _warp_rows(power.T, likeness.warp).T
    stock_ceps = cepstra(log_bands(power, likeness.warp))
    ceps = cepstra(log_bands(plain))
    wanted = _wanted(ceps, stock_ceps, sentence.voiced, likeness, base, settings)
    change = _settle(bands_of(wanted - ceps), active, settings)
    over = spread_over_bins(change, NUM_BINS).T
    pitch = _pitch(sentence.pitch, likeness, base)
    return replace(
        sentence,
        harmonic=_warp_rows(sentence.harmonic, likeness.warp) + over + _denser(sentence.pitch, pitch),
        noise=_warp_rows(sentence.noise, likeness.warp) + over,
        breath=_warp_rows(sentence.breath, likeness.warp) + over,
        pitch=pitch,
    )


def _denser(before: Array, after: Array) -> Array:
    """What a lower pitch's denser harmonics must each give up, in log amplitude, to keep the envelope."""
    return 0.5 * np.log(np.maximum(after, 1.0) / np.maximum(before, 1.0))


def _pitch(pitch: Array, likeness: Likeness, base: Base) -> Array:
    """Log pitch moved to the reference's median and spread."""
    ratio = np.clip(likeness.pitch_spread / base.pitch_spread, *PITCH_RATIO)
    log = likeness.pitch_median + (np.log(np.maximum(pitch, 1.0)) - base.pitch_median) * ratio
    return np.where(pitch > 0, np.clip(np.exp(log), LOWEST_HZ, HIGHEST_HZ), 0.0).astype(np.float32)


def _warp_rows(rows: Array, warp: float) -> Array:
    """Rows [bins, frames] read at the warped places, linear in between."""
    if warp == 1.0:
        return rows
    at = warped_bins(len(rows), warp)
    low = np.clip(at.astype(int), 0, len(rows) - 2)
    part = (at - low).astype(np.float32)[:, None]
    return rows[low] * (1 - part) + rows[low + 1] * part


def _wanted(
    ceps: Array, stock_ceps: Array, voiced: Mask, likeness: Likeness, base: Base, settings: Settings
) -> Array:
    """The cepstra [n, 64] that the reference might have had here."""
    base_voiced, base_unvoiced = base.at(likeness.warp)
    as_voiced = _match_voiced(ceps, base_voiced, likeness.voiced)
    as_unvoiced = _match_unvoiced(ceps, base_voiced, base_unvoiced, likeness)
    _draw(as_voiced, voiced, stock_ceps, base_voiced, likeness.voiced, settings.blend, settings)
    _draw(as_unvoiced, ~voiced, stock_ceps, base_unvoiced, likeness.unvoiced, 0.6 * settings.blend, settings)
    share = gaussian_filter1d(voiced.astype(np.float32), settings.smooth_s / HOP_S)[:, None]
    return share * as_voiced + (1 - share) * as_unvoiced


def _match_voiced(ceps: Array, base: Array, voice: Exemplars) -> Array:
    ratio = np.clip(voice.ceps.std(0) / base.std(0), *SPREAD_RATIO)
    ratio[0], ratio[30:] = 1.0, 1.0
    return (ceps - base.mean(0)) * ratio + voice.ceps.mean(0)


def _match_unvoiced(ceps: Array, base_voiced: Array, base_unvoiced: Array, likeness: Likeness) -> Array:
    heard = len(likeness.unvoiced)
    if heard < 20:
        return ceps + 0.5 * (likeness.voiced.ceps.mean(0) - base_voiced.mean(0))
    trust = 0.9 * heard / (heard + 60)
    return ceps + trust * (likeness.unvoiced.ceps.mean(0) - base_unvoiced.mean(0))


def _draw(
    ceps: Array,
    here: Mask,
    stock_ceps: Array,
    base: Array,
    voice: Exemplars,
    blend: float,
    settings: Settings,
) -> None:
    """Draw the frames `here` of `ceps`, in place, towards the voice's frames nearest to them."""
    if len(voice) < 20 or not here.any() or blend <= 0:
        return
    asked, offered = _features(ceps, here, stock_ceps, base, voice, settings)
    square = (asked * asked).sum(1)[:, None] + (offered * offered).sum(1)[None] - 2 * (asked @ offered.T)
    if voice.paired.any():
        square[:, ~voice.paired] += 1e6
    k = settings.neighbours
    near = np.argpartition(square, k - 1, axis=1)[:, :k]
    far = np.maximum(np.take_along_axis(square, near, 1), 0.0)
    weight = np.exp(-(far - far.min(1, keepdims=True)) / (2 * far.mean() / k + 1e-9))
    weight /= weight.sum(1, keepdims=True)
    drawn = np.einsum("nk,nkc->nc", weight, voice.ceps[near])
    drawn[:, 0], drawn[:, settings.fine :] = ceps[here, 0], ceps[here, settings.fine :]
    ceps[here] += blend * (drawn - ceps[here])


def _features(
    ceps: Array, here: Mask, stock_ceps: Array, base: Array, voice: Exemplars, settings: Settings
) -> tuple[Array, Array]:
    """What is compared: [frames here, d] and [exemplars, d]. Cepstra and moves, in units of their spread."""
    own = settings.own if voice.paired.any() else 1.0
    scale = own / (voice.ceps[:, MATCHED].std(0) + 1e-3)
    asked = [ceps[here, MATCHED] * scale, deltas(ceps[:, MATCHED], HOP_S)[here] * scale]
    offered = [voice.ceps[:, MATCHED] * scale, voice.moves * scale]
    if voice.paired.any():
        scale = settings.pairs / (base[:, MATCHED].std(0) + 1e-3)
        stock_shape = stock_ceps[:, MATCHED]
        asked += [stock_shape[here] * scale, deltas(stock_shape, HOP_S)[here] * scale]
        offered += [voice.stock_ceps * scale, voice.stock_moves * scale]
    return np.concatenate(asked, 1), np.concatenate(offered, 1)


def _settle(change: Array, active: NDArray[np.bool_], settings: Settings) -> Array:
    """Bound the change, smooth it, and let it fade to a slow average where nothing is said."""
    change = gaussian_filter1d(
        np.clip(change, -settings.most, settings.most), settings.smooth_s / HOP_S, axis=0
    )
    said = gaussian_filter1d(active.astype(np.float32), 0.015 / HOP_S)[:, None]
    return said * change + (1 - said) * 0.5 * gaussian_filter1d(change, 0.1 / HOP_S, axis=0)
