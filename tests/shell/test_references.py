"""The faults and warnings that a worker finds in reference clips, which are untrusted files."""

import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from fishd.core.model.limits import Limits
from fishd.wire.messages import Inspect, Inspected, ToWorker
from fishd.worker.references import inspect

UNREADABLE = "not audio that can be read; give it as WAV, FLAC, OGG or MP3"


def noise(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    audio = np.random.default_rng(7).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    return audio.astype(np.float32)


def inspect_file(path: Path) -> Inspected:
    return inspect(Inspect("q", str(path)))


def write(path: Path, audio: np.ndarray, rate: int = 16_000, **how: str) -> Path:
    soundfile.write(path, audio, rate, **how)
    return path


@pytest.mark.parametrize(
    ("name", "kind"), [("a.wav", "WAV"), ("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.mp3", "MP3")]
)
def test_good_speech_has_no_fault_and_no_warning(tmp_path: Path, name: str, kind: str) -> None:
    """Every format that a bundle may hold is tested."""
    found = inspect_file(write(tmp_path / name, noise(3.0), format=kind))
    assert ("", ()) == (found.fault, found.warnings)
    assert 3.0 == pytest.approx(found.duration_s, abs=0.1)


def test_stereo_and_192_khz_cause_no_warning(tmp_path: Path) -> None:
    """Engines mix and resample."""
    found = inspect_file(write(tmp_path / "a.wav", noise(2.0, 192_000, 2), 192_000))
    assert (2.0, "", ()) == (found.duration_s, found.fault, found.warnings)


def test_200_channels_are_decoded(tmp_path: Path) -> None:
    """They are decoded in blocks, whose size does not depend on the header."""
    found = inspect_file(write(tmp_path / "a.wav", noise(1.5, 8000, 200), 8000))
    assert ("", 1.5) == (found.fault, found.duration_s)


def test_8_bit_audio_is_a_warning(tmp_path: Path) -> None:
    """Its noise is cloned too."""
    found = inspect_file(write(tmp_path / "a.wav", noise(2.0), subtype="PCM_U8"))
    assert ("", ("is 8-bit audio; its noise will be heard in the voice",)) == (found.fault, found.warnings)


def test_a_low_sample_rate_is_a_warning(tmp_path: Path) -> None:
    """Telephone speech has one."""
    found = inspect_file(write(tmp_path / "a.wav", noise(2.0, 8000), 8000))
    assert ("is sampled at 8000 Hz; 16000 Hz or more sound better",) == found.warnings


def test_a_clip_of_over_a_minute_is_a_warning(tmp_path: Path) -> None:
    """It loads slowly without being better."""
    found = inspect_file(write(tmp_path / "a.wav", noise(61.0, 16_000)))
    assert ("", ("is 61 s long; 10 to 30 s work as well and load faster",)) == (found.fault, found.warnings)


def test_a_clip_of_over_ten_minutes_is_a_fault(tmp_path: Path) -> None:
    """Decoding stops after ten minutes."""
    found = inspect_file(write(tmp_path / "a.flac", np.tile(noise(1.0, 8000), (601, 1)), 8000))
    assert "is over 600 s long; 10 to 30 s work best" == found.fault


@pytest.mark.parametrize(
    ("limits", "fault", "warnings"),
    [
        (Limits(min_reference_s=2.5), "is 2.00 s long; at least 2.5 s of speech are needed", ()),
        (Limits(max_reference_s=1.5), "is over 1.5 s long; 10 to 30 s work best", ()),
        (Limits(long_reference_s=1.5), "", ("is 2 s long; 10 to 30 s work as well and load faster",)),
        (Limits(min_reference_s=2.0, long_reference_s=2.0, max_reference_s=2.0), "", ()),
    ],
)
def test_the_limits_of_the_configuration_apply(
    tmp_path: Path, limits: Limits, fault: str, warnings: tuple[str, ...]
) -> None:
    """A clip exactly as long as a limit is within it."""
    path = write(tmp_path / "a.wav", noise(2.0))
    found = inspect(Inspect.within(limits, "q", str(path)))
    assert (fault, warnings) == (found.fault, found.warnings)


def test_a_request_without_limits_has_the_default_ones() -> None:
    """An older daemon or command sends it."""
    old = b'{"type": "Inspect", "id": "q", "path": "a.wav"}'
    assert Inspect.within(Limits(), "q", "a.wav") == msgspec.json.decode(old, type=ToWorker)


def test_mp3_under_a_wav_name_is_a_warning(tmp_path: Path) -> None:
    """It is decoded as MP3."""
    found = inspect_file(write(tmp_path / "a.wav", noise(2.0), format="MP3"))
    assert ("", ("holds MP3 audio under the name .wav; it is read as MP3",)) == (
        found.fault,
        found.warnings,
    )


@pytest.mark.parametrize(
    ("seconds", "fault"),
    [(0.2, "is 0.20 s long; at least 1 s of speech are needed"), (0.999, "is 1.00 s long; at least 1 s")],
)
def test_a_clip_of_under_a_second_is_a_fault(tmp_path: Path, seconds: float, fault: str) -> None:
    """It is too short to clone a voice."""
    assert inspect_file(write(tmp_path / "a.wav", noise(seconds))).fault.startswith(fault)


def test_silence_is_a_fault(tmp_path: Path) -> None:
    """Zeros and noise below -60 dB are silence."""
    assert "is silent" == inspect_file(write(tmp_path / "a.wav", np.zeros(32_000))).fault
    assert "is silent" == inspect_file(write(tmp_path / "b.wav", noise(2.0) * 0.002)).fault


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_a_fault(tmp_path: Path, bad: float) -> None:
    """One such sample in a float WAV is enough."""
    audio = noise(2.0)
    audio[20_000] = bad
    found = inspect_file(write(tmp_path / "a.wav", audio, subtype="FLOAT"))
    assert "holds samples that are not numbers (NaN or infinite)" == found.fault


def test_an_empty_file_is_a_fault(tmp_path: Path) -> None:
    """It has its own message."""
    (tmp_path / "a.wav").touch()
    assert Inspected("q", 0.0, "is empty (zero bytes)") == inspect_file(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a", "a.txt"])
@pytest.mark.parametrize(
    "content", [b"x", b"Good evening, and welcome.\n" * 100, b"RIFF\x00\x00\x00\x00WAVEfmt ", bytes(5000)]
)
def test_a_file_that_is_not_audio_is_a_fault(tmp_path: Path, name: str, content: bytes) -> None:
    """It has text, a header without data, or zeros, under any name."""
    (tmp_path / name).write_bytes(content)
    assert Inspected("q", 0.0, UNREADABLE) == inspect_file(tmp_path / name)


def test_a_truncated_file_is_inspected_up_to_its_end(tmp_path: Path) -> None:
    """Half of a WAV file is a clip of half the length."""
    path = write(tmp_path / "a.wav", noise(4.0))
    path.write_bytes(path.read_bytes()[: 16_000 * 2 * 2 + 44])
    found = inspect_file(path)
    assert (2.0, "") == (found.duration_s, found.fault)


def test_an_impossible_sample_rate_is_a_fault(tmp_path: Path) -> None:
    """The header claims two billion samples a second."""
    path = write(tmp_path / "a.wav", noise(2.0))
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", 2_000_000_000)
    path.write_bytes(content)
    assert UNREADABLE == inspect_file(path).fault


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """It may have been removed after the bundle was read."""
    assert "cannot be opened: No such file or directory" == inspect_file(tmp_path / "gone.wav").fault


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    assert "cannot be opened: Is a directory" == inspect_file(tmp_path / "a.wav").fault


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_raises_no_exception(tmp_path: Path, seed: int) -> None:
    """Random bytes are changed, in the header and in the samples."""
    chance = np.random.default_rng(seed)
    suffix, kind = (("wav", "WAV"), ("flac", "FLAC"), ("ogg", "OGG"), ("mp3", "MP3"))[seed % 4]
    path = write(tmp_path / f"a.{suffix}", noise(1.5), format=kind)
    content = bytearray(path.read_bytes())
    for at in (*chance.integers(0, 64, 3), *chance.integers(0, len(content), 20)):
        content[at] = chance.integers(0, 256)
    path.write_bytes(content)
    assert "q" == inspect_file(path).id
