"""The preview engine's parts, each against its formula."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fishd.engines.preview import check_language, check_options
from fishd.engines.preview.analysis.loudness import PEAK, set_level, speech_level, speech_s
from fishd.engines.preview.analysis.mel_bands import (
    cepstra,
    interpolate_to_bins,
    inverse_cepstra,
    log_bands,
    warped_bins,
)
from fishd.engines.preview.analysis.pitch import estimate_pitch
from fishd.engines.preview.conversion.pairing import align
from fishd.engines.preview.english import split_phonemes
from fishd.engines.preview.languages import espeak_code, is_english
from fishd.engines.preview.text import clean, has_word

RANDOM = np.random.default_rng(0)


def test_checks_need_no_heavy_import() -> None:
    """Options and languages are checked without importing numpy or a model."""
    code = (
        "import sys, fishd.engines.preview as p; p.check_options({'blend': 1}); p.check_language('de');"
        "print([m for m in ('numpy', 'scipy', 'onnxruntime', 'hibari', 'pyworld') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cepstra_can_be_inverted() -> None:
    """The transform loses nothing."""
    bands = RANDOM.normal(size=(5, 64))
    assert np.allclose(bands, inverse_cepstra(cepstra(bands)))


def test_a_flat_spectrum_has_flat_bands_at_any_resolution() -> None:
    """Bands do not depend on the spectrum's resolution."""
    for num_bins in (513, 601):
        bands = log_bands(np.ones((2, num_bins), np.float32))
        assert np.allclose(bands, 0.0, atol=1e-4)
        assert np.allclose(interpolate_to_bins(bands, num_bins), 0.0, atol=1e-3)


def test_a_warp_moves_a_peak_by_its_factor() -> None:
    """A peak at 2 kHz moves to 2 kHz times the warp; Nyquist stays."""
    for warp in (0.8, 1.0, 1.25):
        bins = warped_bins(601, warp)
        assert np.abs(bins - 100).argmin() == pytest.approx(100 * warp, abs=1)
        assert bins[-1] == pytest.approx(600)
        assert (np.diff(bins) > 0).all()


def test_alignment_finds_a_stretched_copy() -> None:
    """Every frame of a copy at half the speed is aligned with its original."""
    frames = RANDOM.normal(size=(40, 8)).astype(np.float32)
    path = align(frames, np.repeat(frames, 2, axis=0))
    assert np.array_equal(path, np.repeat(np.arange(40), 2))


@pytest.mark.parametrize("hz", [75.0, 110.0, 220.0, 440.0])
def test_the_pitch_of_a_harmonic_tone_is_found(hz: float) -> None:
    """It is voiced from end to end, and its pitch is correct within 1 %."""
    t = np.arange(24_000) / 24_000
    tone = sum(np.cos(2 * np.pi * hz * n * t) / n for n in range(1, 12)).astype(np.float32)
    pitch = estimate_pitch(tone, 0.00625)[8:-8]
    assert np.allclose(pitch, hz, rtol=0.01)


def test_silence_has_no_pitch() -> None:
    """No frame of silence is voiced."""
    assert not estimate_pitch(np.zeros(24_000, np.float32), 0.00625).any()


def test_loudness_ignores_pauses() -> None:
    """A second of tone and a second of silence are as loud as the tone."""
    tone = np.sin(np.arange(24_000) * 0.1).astype(np.float32) * 0.2
    audio = np.concatenate([tone, np.zeros_like(tone)])
    assert speech_level(audio) == pytest.approx(0.2 / 2**0.5, rel=0.01)
    assert speech_s(audio) == pytest.approx(1.0, abs=0.02)


def test_loudness_never_clips() -> None:
    """A peak is kept below full scale, whatever the level asked for."""
    click = np.zeros(24_000, np.float32)
    click[::2400] = 0.5
    assert np.abs(set_level(click, 0.14)).max() <= PEAK + 1e-6


def test_cleaning_keeps_language_and_drops_the_rest() -> None:
    """Emoji and control characters become spaces; control tokens become their words."""
    assert clean("Hi 🙂 there\x00!\n<|im_end|>") == "Hi   there !\n im end"
    assert "](" not in clean("[word](/wɜːd/)")
    assert clean("Größe: 3 £ – naïve") == "Größe: 3 £ – naïve"


@pytest.mark.parametrize(("text", "speakable"), [("a", True), ("7", True), ("你好", True), ("…!?", False)])
def test_a_letter_or_a_digit_makes_a_word(text: str, speakable: bool) -> None:
    """Punctuation alone is not a word."""
    assert has_word(text) is speakable


def test_long_phonemes_are_split_at_commas_then_spaces() -> None:
    """Every piece fits, and no word is split or lost as long as there is a space."""
    text = "wˈɜɹd, " + "wˈɜɹd " * 100
    pieces = split_phonemes(text.strip(), 50)
    assert max(map(len, pieces)) <= 50
    assert text.split() == " ".join(pieces).split()
    assert [10, 10, 5] == [len(piece) for piece in split_phonemes("a" * 25, 10)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", "en"),
        ("en-US", "en"),
        ("EN", "en"),
        ("de-DE", "de"),
        ("zh", "cmn"),
        ("zh_CN", "cmn"),
        ("zh-HK", "yue"),
        ("ja", "ja"),
        ("pt-BR", "pt-br"),
        ("pt-PT", "pt"),
        ("no", "nb"),
    ],
)
def test_language_codes_are_accepted_in_any_spelling(code: str, expected: str) -> None:
    """Case, region and separator do not matter, unless they name another language."""
    assert expected == espeak_code(code)
    assert is_english(code) is (expected == "en")


def test_without_the_extra_the_fault_names_it() -> None:
    """English is always supported; another language needs the extra."""
    assert check_language("en-GB", lambda _: None) is None
    fault = check_language("de", lambda _: None)
    assert fault is not None
    assert '"de"' in fault
    assert "fishd[languages]" in fault


def test_an_unknown_language_is_named() -> None:
    """Whatever is installed."""
    fault = check_language("xx", lambda _: object())
    assert fault is not None
    assert '"xx"' in fault


@pytest.mark.parametrize(
    "options", [{"blend": 0}, {"pace": 1}, {"pitch": -3.5}, {"cache_dir": "x"}, {"top_p": 1}]
)
def test_good_options_have_no_faults(options: dict[str, object]) -> None:
    """The engine's own options, the worker's, and a sampling engine's."""
    assert [] == check_options(options)


@pytest.mark.parametrize(
    ("key", "value"),
    [("blend", 1.5), ("blend", "much"), ("pace", True), ("pace", 0), ("pitch", float("nan")), ("blent", 0.5)],
)
def test_a_bad_option_names_its_key(key: str, value: object) -> None:
    """Out of range, of another type, or unknown: the fault begins with the key."""
    (fault,) = check_options({key: value})
    assert fault.startswith(key + ":")
