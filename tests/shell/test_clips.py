"""Clips are written completely or not at all; audio that cannot be a clip is refused with a reason."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fishd.core.model.hashes import content_hash
from fishd.worker.clips import WrittenClip, fault_of, write_clip

RATE = 16_000


def sine(seconds: float = 0.5, peak: float = 0.5) -> np.ndarray:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (peak * np.sin(2 * np.pi * 440 * moments)).astype(np.float32)


def test_a_clip_is_16_bit_mono_at_the_engines_rate(tmp_path: Path) -> None:
    """Its samples differ from the engine's by less than one step of 16 bits."""
    path = tmp_path / "clips" / "Alice" / "001.wav"
    written = write_clip(path, sine(), RATE)
    info = soundfile.info(path)
    assert ("WAV", "PCM_16", 1, RATE, 8000) == (
        info.format,
        info.subtype,
        info.channels,
        info.samplerate,
        info.frames,
    )
    assert np.abs(soundfile.read(path, dtype="float32")[0] - sine()).max() < 1 / 32768
    expected_hash = content_hash(path.read_bytes())
    assert WrittenClip(0.5, path.stat().st_size, pytest.approx(0.5, abs=1e-3), expected_hash) == written


@pytest.mark.parametrize(("suffix", "kind"), [("flac", "FLAC"), ("ogg", "OGG"), ("mp3", "MP3")])
def test_the_suffix_gives_the_format(tmp_path: Path, suffix: str, kind: str) -> None:
    """It may be FLAC, Ogg Vorbis or MP3."""
    write_clip(tmp_path / f"001.{suffix}", sine(), RATE)
    assert kind == soundfile.info(tmp_path / f"001.{suffix}").format


def test_audio_above_full_scale_is_scaled_down_and_not_clipped(tmp_path: Path) -> None:
    """The shape of the wave is unchanged."""
    write_clip(tmp_path / "loud.wav", sine(peak=2.0), RATE)
    samples = soundfile.read(tmp_path / "loud.wav", dtype="float32")[0]
    assert np.abs(samples - sine(peak=1.0)).max() < 2 / 32768


def test_a_clip_replaces_that_of_an_earlier_take(tmp_path: Path) -> None:
    """It has the same name."""
    path = tmp_path / "001.wav"
    write_clip(path, sine(1.0), RATE)
    write_clip(path, sine(0.5), RATE)
    assert 8000 == soundfile.info(path).frames
    assert ["001.wav"] == [found.name for found in tmp_path.iterdir()]


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    """A folder has the clip's name; the temporary file is removed."""
    (tmp_path / "001.wav" / "file").mkdir(parents=True)
    with pytest.raises(OSError, match=r"001\.wav"):
        write_clip(tmp_path / "001.wav", sine(), RATE)
    assert ["001.wav"] == [found.name for found in tmp_path.iterdir()]


def test_a_clip_with_the_longest_allowed_name_can_be_written(tmp_path: Path) -> None:
    """It has 200 bytes; the temporary name is longer."""
    name = "x" * 196 + ".wav"
    write_clip(tmp_path / name, sine(), RATE)
    assert [name] == [found.name for found in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("audio", "fault"),
    [
        (sine(), None),
        (sine(0.06), None),
        (sine(0.04), "the audio is only 40 ms long"),
        (np.zeros(0, np.float32), "the audio is only 0 ms long"),
        (np.zeros(RATE, np.float32), "the audio is silent"),
        (np.full(RATE, np.nan, np.float32), "the audio holds values that are not finite"),
        (np.full(RATE, np.inf, np.float32), "the audio holds values that are not finite"),
        (np.zeros((RATE, 2), np.float32), "the engine gave audio of shape (16000, 2), not mono"),
    ],
)
def test_audio_that_cannot_be_a_clip_has_a_fault(audio: np.ndarray, fault: str | None) -> None:
    """It is too short, silent, not finite or not mono."""
    assert fault == fault_of(audio, RATE)
