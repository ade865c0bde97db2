"""Reference clips as people have them: formats, rates, widths, lengths, and clips that are no use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from fishd.engines import preview
from fishd.engines.preview.analysis.reference import load
from fishd.engines.preview.engine import PreviewEngine
from fishd.engines.protocol import BadClip, Failed, Voice
from tests.engines.preview_parts import TRANSCRIPT, audio_of, make_voice, say, stock_sound


@pytest.fixture(scope="module")
def engine() -> Iterator[PreviewEngine]:
    engine = preview.factory("cpu", {})
    yield engine
    engine.close()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    """wav, flac, ogg and mp3 give the same length of sound."""
    clip = tmp_path / f"clip.{suffix}"
    soundfile.write(clip, stock_sound(), 24_000)
    (sound,), is_whole = load((clip,))
    assert is_whole
    assert len(sound) == pytest.approx(len(stock_sound()), abs=2400)


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_and_width_becomes_mono_at_24_khz(tmp_path: Path, rate: int) -> None:
    """Stereo at other rates gives the same sound, but for what the rate cannot hold."""
    clip = tmp_path / "clip.wav"
    there = soxr.resample(stock_sound(), 24_000, rate)
    soundfile.write(clip, np.stack([there, there], 1), rate, subtype="PCM_24")
    (sound,), _ = load((clip,))
    assert len(sound) == pytest.approx(len(stock_sound()), abs=10)
    assert np.corrcoef(sound[:50_000], stock_sound()[:50_000])[0, 1] > 0.9


def test_several_clips_make_one_voice(engine: PreviewEngine, tmp_path: Path) -> None:
    """Two halves of a clip, in two files, still go with the whole transcript."""
    half = len(stock_sound()) // 2
    clips = (tmp_path / "a.wav", tmp_path / "b.flac")
    soundfile.write(clips[0], stock_sound()[:half], 24_000)
    soundfile.write(clips[1], stock_sound()[half:], 24_000)
    likeness = engine._likeness(Voice("halves", clips, TRANSCRIPT, "en"))
    assert likeness.voiced.paired.mean() > 0.9
    assert likeness.pace == pytest.approx(1.0, abs=0.1)


def test_no_more_than_a_minute_is_used(tmp_path: Path) -> None:
    """A long clip is cut, and is said to be."""
    clip = tmp_path / "long.wav"
    soundfile.write(clip, np.tile(stock_sound(), 16), 24_000)
    sounds, is_whole = load((clip, clip))
    assert not is_whole
    assert sum(map(len, sounds)) == 60 * 24_000


def test_a_voice_without_a_transcript_is_spoken(engine: PreviewEngine, tmp_path: Path) -> None:
    """Nothing is paired, and the pace is the stock voice's; the timbre is still learned."""
    voice = make_voice(tmp_path, transcript="")
    assert len(audio_of(say(engine, voice, "Good evening."))) > 12_000
    assert not engine._likeness(voice).voiced.paired.any()


def test_a_transcript_of_another_text_is_not_trusted(engine: PreviewEngine, tmp_path: Path) -> None:
    """Three words for five seconds of speech cannot be what is said."""
    voice = make_voice(tmp_path, transcript="Yes.")
    assert not engine._likeness(voice).voiced.paired.any()
    assert engine._likeness(voice).pace == 1.0


def test_a_transcript_in_another_language_is_not_read(engine: PreviewEngine, tmp_path: Path) -> None:
    """A German clip still lends its timbre to English lines."""
    voice = make_voice(tmp_path, transcript="Der schnelle braune Fuchs.", language="de")
    assert len(audio_of(say(engine, voice, "Good evening."))) > 12_000
    assert not engine._likeness(voice).voiced.paired.any()


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("silent.wav", np.zeros(48_000)),
        ("nan.wav", np.full(48_000, np.nan)),
        ("noise.wav", np.random.default_rng(0).normal(0, 0.1, 48_000)),
    ],
)
def test_a_clip_without_a_voice_fails_its_takes(
    engine: PreviewEngine, tmp_path: Path, name: str, sound: np.ndarray
) -> None:
    """Silence, NaN and noise are no voice; the reason says so, and another seed would not help."""
    soundfile.write(tmp_path / name, sound, 24_000, subtype="FLOAT")
    ended = say(engine, Voice(name, (tmp_path / name,), TRANSCRIPT, "en"), "Good evening.")
    assert isinstance(ended, Failed)
    assert not ended.retry


def test_a_clip_that_is_no_audio_is_named(tmp_path: Path) -> None:
    """The fault names the file."""
    (tmp_path / "bob.wav").write_bytes(b"this is not audio" * 100)
    with pytest.raises(BadClip, match=r"bob\.wav"):
        load((tmp_path / "bob.wav",))
