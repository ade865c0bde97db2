"""Loudness and peaks of what is delivered, as ffmpeg measures them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fishd.engines import preview
from fishd.wire.assembly import AssemblyRequest, AssemblyTracks
from tests.assembly.running import assembled, loudness_of, read, request
from tests.assembly.sounds import SENTENCES, babble, write
from tests.engines.preview_parts import audio_of, make_voice, say

Clips = tuple[NDArray[np.int16], ...]


@pytest.fixture(scope="module")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clips, Clips]:
    """Two voices of the preview engine, one of them far too quiet."""
    engine = preview.factory("cpu", {})
    voices = [make_voice(tmp_path_factory.mktemp("voice"), deeper=deeper) for deeper in (0.7, 0.85)]
    first, second = (
        tuple(np.rint(audio_of(say(engine, voice, text)) * level).astype(np.int16) for text in SENTENCES)
        for voice, level in zip(voices, (32767, 8_000), strict=True)
    )
    engine.close()
    return first, second


@pytest.mark.parametrize("target", [-23.0, -16.0])
@pytest.mark.parametrize("clip_format", ["wav", "flac"])
def test_each_speaker_is_as_loud_as_asked(
    tmp_path: Path, speakers: tuple[Clips, Clips], target: float, clip_format: str
) -> None:
    """Within 0.5 LU over all clips, though a limiter keeps the peaks below the ceiling; the stem too."""
    job = request(
        tmp_path,
        *speakers,
        clip_format=clip_format,
        stems="flac",
        settings={"loudness": target, "peak": -1.0},
    )
    result = assembled(job)
    gains = [speaker.gain_db for speaker in result.speakers]
    assert gains[1] - gains[0] > 8
    for number, speaker in enumerate(job.speakers):
        paths = [line.published for line in job.lines if line.speaker == number]
        together = write(tmp_path / "all.wav", np.concatenate([read(job, path) for path in paths]))
        for file in (together, Path(job.target, speaker.stem)):
            lufs, peak = loudness_of(file)
            assert lufs == pytest.approx(target, abs=0.5)
            assert peak <= -1.0


@pytest.mark.parametrize("suffix", ["flac", "opus", "mp3", "m4b"])
def test_the_mix_stays_below_the_ceiling(tmp_path: Path, speakers: tuple[Clips, Clips], suffix: str) -> None:
    """Also when both speak at once, and after a decoder has overshot."""
    lines = {(s, n): {"start_s": 8.0 * n, "end_s": 8.0 * n + 8} for s in range(2) for n in range(4)}
    settings = {"loudness": -14.0, "peak": -1.0}
    job = request(tmp_path, *speakers, lines=lines, tracks=AssemblyTracks(f"mix.{suffix}"), settings=settings)
    assembled(job)
    assert loudness_of(Path(job.target, f"mix.{suffix}"))[1] <= -1.0


def test_a_whisper_stays_a_whisper(tmp_path: Path) -> None:
    """All clips of a speaker get the same gain: what was 12 dB quieter still is."""
    loud = babble(6.0)
    job = _levelled(tmp_path, [loud, loud, (loud // 4)], -26.0)
    first, _, last = (read(job, line.published).astype(float) for line in job.lines)
    assert np.sqrt((first**2).mean() / (last**2).mean()) == pytest.approx(4.0, rel=0.01)


def test_a_silent_speaker_is_left_as_he_is(tmp_path: Path) -> None:
    """There is no gain that would bring silence anywhere."""
    job = _levelled(tmp_path, [np.zeros(24_000, np.int16)], -16.0)
    assert not read(job, "clips/A/000.wav").any()


def _levelled(folder: Path, clips: list[NDArray[np.int16]], loudness: float) -> AssemblyRequest:
    job = request(folder, clips, settings={"loudness": loudness})
    assembled(job)
    return job
