"""The measuring of takes: real speech, and the same broken."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from fishd.core.quality.features import SignalFeatures
from fishd.worker.features import measure
from tests.engines.preview_parts import stock_audio

RATE = 24_000


def noise(seconds: float, level_db: float, seed: int = 1) -> NDArray[np.float32]:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


def test_speech_has_its_length_its_pauses_and_its_level() -> None:
    """Good speech is neither noise nor clipped nor a loop."""
    audio = stock_audio()
    features = measure(audio, RATE)

    assert len(audio) / RATE == features.duration_s
    assert 0.6 * features.duration_s < features.speech_s <= features.duration_s
    assert -40 < features.level_db < -10
    assert features.range_db > 30
    assert features.longest_gap_s < 0.5
    assert features.clipped_share < 0.001
    assert features.loop_score < 0.6


def test_louder_speech_is_the_same_speech() -> None:
    """All but its level."""
    audio = stock_audio()
    quiet, loud = measure(audio * 0.1, RATE), measure(audio * 0.5, RATE)

    assert quiet.speech_s == loud.speech_s
    assert 13.98 == pytest.approx(loud.level_db - quiet.level_db, abs=0.01)


def test_a_hole_is_found_where_it_is() -> None:
    """Three seconds of near silence, one second into the speech."""
    audio = stock_audio()
    features = measure(np.concatenate([audio[:RATE], noise(3, -90), audio[RATE:]]), RATE)

    assert 3.0 == pytest.approx(features.longest_gap_s, abs=0.25)
    assert 1.0 == pytest.approx(features.gap_at_s, abs=0.25)


def test_speech_is_found_in_much_silence() -> None:
    """Half a second of it in ten: less than a tenth of the frames."""
    word = stock_audio()[RATE // 2 : RATE]
    features = measure(np.concatenate([noise(4, -90), word, noise(5.5, -90)]), RATE)

    assert 0.3 < features.speech_s < 0.6
    assert 4.0 == pytest.approx(features.lead_s, abs=0.2)
    assert 5.5 == pytest.approx(features.tail_s, abs=0.2)


def test_speech_above_a_steady_noise_is_speech() -> None:
    """A hiss 30 dB under the speech is not speech itself."""
    audio = np.concatenate([stock_audio(), np.zeros(2 * RATE, np.float32)])
    clean, hissing = measure(audio, RATE), measure(audio + noise(len(audio) / RATE, -52), RATE)

    assert clean.speech_s == pytest.approx(hissing.speech_s, rel=0.25)
    assert clean.tail_s == pytest.approx(hissing.tail_s, abs=0.4)


def test_noise_has_no_range() -> None:
    """Its loud and quiet frames are alike."""
    assert measure(noise(3, -30), RATE).range_db < 2


def test_a_clipped_take_has_many_samples_at_its_peak() -> None:
    """Even if it was made quieter after it was clipped."""
    audio = stock_audio()
    clipped = np.clip(audio / np.abs(audio).max() * 6, -1, 1)

    assert measure(clipped, RATE).clipped_share > 0.02
    assert measure(clipped * np.float32(0.5), RATE).clipped_share > 0.02


def test_a_loop_is_found_with_its_period() -> None:
    """Half a second of speech, eight times."""
    audio = stock_audio()
    word = audio[RATE : RATE + RATE // 2]
    features = measure(np.concatenate([audio[:RATE], np.tile(word, 8), audio[RATE:]]), RATE)

    assert features.loop_score > 0.9
    assert 0 == pytest.approx(math.remainder(features.loop_period_s, 0.5), abs=0.05)
    assert 0.8 <= features.loop_at_s <= 3.0


def test_a_loop_is_found_late_in_a_long_take() -> None:
    """Long takes are searched in overlapping parts."""
    audio = np.concatenate([stock_audio(), noise(0.2, -90), stock_audio(1.3)])
    long = np.concatenate([audio] * 5)[: 40 * RATE]
    at = len(long) / RATE
    features = measure(np.concatenate([long, np.tile(audio[RATE : RATE + RATE // 2], 8)]), RATE)

    assert features.loop_score > 0.9
    assert at - 1 <= features.loop_at_s <= at + 3


@pytest.mark.parametrize("num", [1, 100, 479, 480, 481, 24_000])
@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1.0, 4.0, 1e30])
@pytest.mark.parametrize("sample_rate", [1, 40, 8_000, 24_000, 768_000])
def test_any_audio_gives_finite_features(num: int, level: float, sample_rate: int) -> None:
    """Silence, a click, a constant: plain numbers that a message can hold."""
    hiss = np.random.default_rng(1).standard_normal(num).astype(np.float32)
    for audio in (np.full(num, level, np.float32), hiss * np.float32(level)):
        features = measure(audio, sample_rate)
        assert all(math.isfinite(value) for value in dataclasses.astuple(features)), features
        assert features == msgspec.msgpack.decode(msgspec.msgpack.encode(features), type=SignalFeatures)
