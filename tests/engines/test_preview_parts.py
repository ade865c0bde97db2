"""The parts of the preview engine, each against what its formula says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fishd.engines.preview import check_language, check_options
from fishd.engines.preview.analysis.align import align
from fishd.engines.preview.analysis.loudness import PEAK, loudness_of, set_loudness, speech_s
from fishd.engines.preview.analysis.mel_bands import (
    bands_of,
    cepstra,
    log_bands,
    spread_over_bins,
    warped_bins,
)
from fishd.engines.preview.analysis.pitch import find_pitch
from fishd.engines.preview.languages import is_english, tongue_of
from fishd.engines.preview.text import has_word, plain, split_phonemes

RANDOM = np.random.default_rng(0)


def test_asking_costs_no_heavy_import() -> None:
    """Options and languages can be checked before numpy is there."""
    code = (
        "import sys, fishd.engines.preview as p; p.check_options({'blend': 1}); p.check_language('de');"
        "print([m for m in ('numpy', 'scipy', 'onnxruntime', 'hibari', 'pyworld') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_cepstra_can_be_turned_back() -> None:
    """The transform loses nothing."""
    bands = RANDOM.normal(size=(5, 64))
    assert np.allclose(bands, bands_of(cepstra(bands)))


def test_a_flat_spectrum_has_flat_bands_at_any_resolution() -> None:
    """Bands do not depend on how fine the spectrum is."""
    for num_bins in (513, 601):
        bands = log_bands(np.ones((2, num_bins), np.float32))
        assert np.allclose(bands, 0.0, atol=1e-4)
        assert np.allclose(spread_over_bins(bands, num_bins), 0.0, atol=1e-3)


def test_a_warp_moves_a_peak_by_its_factor() -> None:
    """What the stock voice has at 2 kHz is heard at 2 kHz times the warp; Nyquist stays."""
    for warp in (0.8, 1.0, 1.25):
        bins = warped_bins(601, warp)
        assert np.abs(bins - 100).argmin() == pytest.approx(100 * warp, abs=1)
        assert bins[-1] == pytest.approx(600)
        assert (np.diff(bins) > 0).all()


def test_alignment_finds_a_stretched_copy() -> None:
    """Every frame said twice as slowly goes with its original."""
    frames = RANDOM.normal(size=(40, 8)).astype(np.float32)
    path = align(frames, np.repeat(frames, 2, axis=0))
    assert np.array_equal(path, np.repeat(np.arange(40), 2))


@pytest.mark.parametrize("hz", [75.0, 110.0, 220.0, 440.0])
def test_the_pitch_of_a_buzz_is_found(hz: float) -> None:
    """A harmonic tone is voiced from end to end, and its pitch is right within 1 %."""
    t = np.arange(24_000) / 24_000
    buzz = sum(np.cos(2 * np.pi * hz * n * t) / n for n in range(1, 12)).astype(np.float32)
    pitch = find_pitch(buzz, 0.00625)[8:-8]
    assert np.allclose(pitch, hz, rtol=0.01)


def test_silence_has_no_pitch() -> None:
    """Nothing is voiced where nothing sounds."""
    assert not find_pitch(np.zeros(24_000, np.float32), 0.00625).any()


def test_loudness_leaves_pauses_out() -> None:
    """A second of tone and a second of silence are as loud as the tone."""
    tone = np.sin(np.arange(24_000) * 0.1).astype(np.float32) * 0.2
    sound = np.concatenate([tone, np.zeros_like(tone)])
    assert loudness_of(sound) == pytest.approx(0.2 / 2**0.5, rel=0.01)
    assert speech_s(sound) == pytest.approx(1.0, abs=0.02)


def test_loudness_never_clips() -> None:
    """A peak is kept below full scale, whatever the level asked for."""
    click = np.zeros(24_000, np.float32)
    click[::2400] = 0.5
    assert np.abs(set_loudness(click, 0.14)).max() <= PEAK + 1e-6


def test_plain_text_keeps_language_and_drops_the_rest() -> None:
    """Emoji and control characters become spaces; control tokens become their words."""
    assert plain("Hi 🙂 there\x00!\n<|im_end|>") == "Hi   there !\n im end"
    assert "](" not in plain("[word](/wɜːd/)")
    assert plain("Größe: 3 £ – naïve") == "Größe: 3 £ – naïve"


@pytest.mark.parametrize(("text", "speakable"), [("a", True), ("7", True), ("你好", True), ("…!?", False)])
def test_a_word_or_a_number_can_be_said(text: str, speakable: bool) -> None:
    """Punctuation alone cannot."""
    assert has_word(text) is speakable


def test_long_phonemes_are_cut_at_commas_then_spaces() -> None:
    """Every piece fits, and no word is cut or lost while there is a space."""
    text = "wˈɜɹd, " + "wˈɜɹd " * 100
    pieces = split_phonemes(text.strip(), 50)
    assert max(map(len, pieces)) <= 50
    assert text.split() == " ".join(pieces).split()
    assert [10, 10, 5] == [len(piece) for piece in split_phonemes("a" * 25, 10)]


@pytest.mark.parametrize(
    ("code", "tongue"),
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
def test_codes_are_read_as_people_write_them(code: str, tongue: str) -> None:
    """Case, region and script do not matter, but where they name another tongue."""
    assert tongue == tongue_of(code)
    assert is_english(code) is (tongue == "en")


def test_without_the_extra_its_name_is_told() -> None:
    """English is always spoken; another language names the extra that speaks it."""
    assert check_language("en-GB", lambda _: None) is None
    fault = check_language("de", lambda _: None)
    assert fault is not None
    assert '"de"' in fault
    assert "fishd[languages]" in fault


def test_an_unknown_language_is_told() -> None:
    """Whatever is installed."""
    fault = check_language("xx", lambda _: object())
    assert fault is not None
    assert '"xx"' in fault


@pytest.mark.parametrize(
    "options", [{"blend": 0}, {"pace": 1}, {"pitch": -3.5}, {"cache_dir": "x"}, {"top_p": 1}]
)
def test_good_options_have_no_faults(options: dict[str, object]) -> None:
    """Ours, the worker's and a sampling engine's."""
    assert [] == check_options(options)


@pytest.mark.parametrize(
    ("key", "value"),
    [("blend", 1.5), ("blend", "much"), ("pace", True), ("pace", 0), ("pitch", float("nan")), ("blent", 0.5)],
)
def test_a_bad_option_names_its_key(key: str, value: object) -> None:
    """Out of range, of another type, or unknown: the fault begins with the key."""
    (fault,) = check_options({key: value})
    assert fault.startswith(key + ":")
