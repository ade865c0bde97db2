"""Reference clips: formats, rates, bit depths, lengths, transcripts, and clips that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from fishd.engines import preview
from fishd.engines.preview.analysis.loudness import speech_s
from fishd.engines.preview.analysis.pitch import median_pitch
from fishd.engines.preview.analysis.reference import load_clips
from fishd.engines.preview.engine import PreviewEngine
from fishd.engines.protocol import BadClip, Failed, Voice
from tests.engines.preview_parts import DEEPER, TRANSCRIPT, audio_of, clip_audio, say, stock_audio

SLOW = 0.8  # times the stock voice's pace


@pytest.fixture(scope="module")
def engine() -> Iterator[PreviewEngine]:
    engine = preview.factory("cpu", {})
    yield engine
    engine.close()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    """wav, flac, ogg and mp3 give audio of the same length."""
    clip = tmp_path / f"clip.{suffix}"
    soundfile.write(clip, stock_audio(), 24_000)
    (audio,), is_whole = load_clips((clip,))
    assert is_whole
    assert len(audio) == pytest.approx(len(stock_audio()), abs=2400)


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_and_bit_depth_becomes_mono_at_24_khz(tmp_path: Path, rate: int) -> None:
    """Stereo at another rate gives the same audio, apart from what that rate cannot represent."""
    clip = tmp_path / "clip.wav"
    resampled = soxr.resample(stock_audio(), 24_000, rate)
    soundfile.write(clip, np.stack([resampled, resampled], 1), rate, subtype="PCM_24")
    (audio,), _ = load_clips((clip,))
    assert len(audio) == pytest.approx(len(stock_audio()), abs=10)
    assert np.corrcoef(audio[:50_000], stock_audio()[:50_000])[0, 1] > 0.9


def test_several_clips_make_one_voice(engine: PreviewEngine, tmp_path: Path) -> None:
    """The halves of a slow clip, in two files, match the whole transcript: their pace is followed."""
    slow = stock_audio(SLOW)
    half = len(slow) // 2
    clips = (tmp_path / "a.wav", tmp_path / "b.flac")
    soundfile.write(clips[0], slow[:half], 24_000)
    soundfile.write(clips[1], slow[half:], 24_000)
    spoken = audio_of(say(engine, Voice("halves", clips, TRANSCRIPT, "en"), TRANSCRIPT))
    assert speech_s(spoken) == pytest.approx(speech_s(slow), rel=0.08)


def test_no_more_than_a_minute_is_used(tmp_path: Path) -> None:
    """A longer clip is cut, and reported as not whole."""
    clip = tmp_path / "long.wav"
    soundfile.write(clip, np.tile(stock_audio(), 16), 24_000)
    loaded, is_whole = load_clips((clip, clip))
    assert not is_whole
    assert sum(map(len, loaded)) == 60 * 24_000


@pytest.mark.parametrize(
    ("transcript", "language"),
    [("", "en"), ("Yes.", "en"), ("Der schnelle braune Fuchs sprang heute über den faulen Hund.", "de")],
    ids=["without", "of another text", "in another language"],
)
def test_a_transcript_that_does_not_help_is_not_used(
    engine: PreviewEngine, tmp_path: Path, transcript: str, language: str
) -> None:
    """The slow clip's pitch is followed, but the pace stays the stock voice's."""
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, stock_audio(SLOW / DEEPER), round(24_000 * DEEPER))
    voice = Voice(f"slow {transcript}", (clip,), transcript, language)
    spoken = audio_of(say(engine, voice, TRANSCRIPT))
    assert speech_s(spoken) == pytest.approx(speech_s(stock_audio()), rel=0.08)
    assert median_pitch(spoken) == pytest.approx(median_pitch(clip_audio(voice)), rel=0.09)


@pytest.mark.parametrize(
    ("name", "audio"),
    [
        ("silent.wav", np.zeros(48_000)),
        ("nan.wav", np.full(48_000, np.nan)),
        ("noise.wav", np.random.default_rng(0).normal(0, 0.1, 48_000)),
    ],
)
def test_a_clip_without_speech_fails_its_takes(
    engine: PreviewEngine, tmp_path: Path, name: str, audio: np.ndarray
) -> None:
    """Silence, NaN and noise cannot be enrolled, and another seed would not help."""
    soundfile.write(tmp_path / name, audio, 24_000, subtype="FLOAT")
    ended = say(engine, Voice(name, (tmp_path / name,), TRANSCRIPT, "en"), "Good evening.")
    assert isinstance(ended, Failed)
    assert not ended.retry


def test_a_clip_that_is_no_audio_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "bob.wav").write_bytes(b"this is not audio" * 100)
    with pytest.raises(BadClip, match=r"bob\.wav"):
        load_clips((tmp_path / "bob.wav",))
