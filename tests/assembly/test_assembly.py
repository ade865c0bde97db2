"""The process on real files: clips, tracks and texts of one job."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fishd.assembly.signal.stretch import fitted
from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.timeline import Break
from fishd.core.model.hashes import content_hash
from fishd.wire.assembly import AssemblyMetadata, AssemblyProgress, AssemblyRequest, AssemblyTracks
from tests.assembly.running import assemble, assembled, read, request
from tests.assembly.sounds import at_rate, babble, spoken

MIX = AssemblyTracks(mix="tracks/mix.flac")


def test_unchanged_clips_are_the_same_files(tmp_path: Path) -> None:
    """Without loudness, a WAV is linked: no bytes are written again."""
    job = request(tmp_path, [spoken(0)], [spoken(1)])
    result = assembled(job)
    for line in job.lines:
        assert Path(job.source, line.clip).samefile(Path(job.target, line.published))
    assert [line.published for line in job.lines] == [file.path for file in result.files]
    assert [None, None] == [speaker.loudness_lufs for speaker in result.speakers]


def test_every_file_is_told_with_its_size_and_hash(tmp_path: Path) -> None:
    """Whatever is in the target folder, and nothing else."""
    tracks = AssemblyTracks("tracks/mix.flac", None, "tracks/s.srt", "tracks/s.vtt", "tracks/timing.csv")
    job = request(tmp_path, [spoken(0)], [spoken(1)], stems="wav", clip_format="flac", tracks=tracks)
    result = assembled(job)
    found = {str(path.relative_to(job.target)) for path in Path(job.target).rglob("*") if path.is_file()}
    assert found == {file.path for file in result.files}
    for file in result.files:
        content = Path(job.target, file.path).read_bytes()
        assert (len(content), content_hash(content)) == (file.size_bytes, file.content_hash)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_the_mix_is_the_clips_one_after_the_other(tmp_path: Path, suffix: str) -> None:
    """Sample by sample, with the pause between; what is quiet enough is not changed at all."""
    first, second = spoken(0) // 4, spoken(1) // 4
    job = request(
        tmp_path, [first, second], tracks=AssemblyTracks(f"mix.{suffix}"), settings={"pause_s": 0.25}
    )
    result = assembled(job)
    mix = read(job, f"mix.{suffix}")
    assert np.array_equal(np.concatenate((first, np.zeros(6_000, np.int16), second)), mix)
    assert len(mix) == result.length


def test_timed_lines_are_heard_where_they_are_wanted(tmp_path: Path) -> None:
    """To the sample, in the mix and in the stem, and the stems are as long as the mix."""
    lines = {(0, 0): {"start_s": 1.0, "end_s": 6.0}, (1, 0): {"start_s": 7.5, "end_s": 13.0}}
    first, second = spoken(0) // 4, spoken(1) // 4
    job = request(tmp_path, [first], [second], stems="flac", lines=lines, tracks=MIX)
    result = assembled(job)
    expected = [np.zeros(result.length, np.int16), np.zeros(result.length, np.int16)]
    expected[0][24_000 : 24_000 + len(first)] = first
    expected[1][180_000 : 180_000 + len(second)] = second
    assert np.array_equal(expected[0], read(job, "tracks/A.flac"))
    assert np.array_equal(expected[1], read(job, "tracks/B.flac"))
    assert np.array_equal(expected[0] + expected[1], read(job, "tracks/mix.flac"))


def test_lines_at_the_same_time_are_added(tmp_path: Path) -> None:
    """Two speakers at once; what is too loud together is turned down in the mix only."""
    lines = {(s, 0): {"start_s": 0.5, "end_s": 6.0} for s in range(2)}
    loud = babble(4.0, seed=3) * 2
    job = request(tmp_path, [loud], [loud], stems="flac", lines=lines, tracks=MIX)
    assembled(job)
    assert np.array_equal(loud, read(job, "tracks/A.flac")[12_000 : 12_000 + len(loud)])
    mix = read(job, "tracks/mix.flac")
    assert 32_768 < 2 * np.abs(loud.astype(int)).max()
    assert np.abs(mix.astype(int)).max() < 32_768 * 10 ** (-1 / 20)


def test_a_line_that_is_too_long_is_sped_up(tmp_path: Path) -> None:
    """By no more than is needed: it ends where the next one begins."""
    clip = spoken(1) // 4
    end_s = len(clip) / 24_000 / 1.2
    lines = {(0, 0): {"start_s": 0.0, "end_s": end_s}, (0, 1): {"start_s": end_s, "end_s": end_s + 6}}
    job = request(tmp_path, [clip, spoken(0)], lines=lines, tracks=MIX)
    result = assembled(job)
    first, second = result.placements
    assert first.speed == pytest.approx(1.2, abs=0.001)
    assert second.start == first.end
    expected = np.rint(fitted(clip.astype(np.float32), 24_000, first.length))
    assert np.array_equal(expected, read(job, "tracks/mix.flac")[: first.end])


def test_a_failed_line_keeps_its_place_in_silence(tmp_path: Path) -> None:
    """Its time on the timeline stays empty, it has no clip, and timing.csv has its row."""
    lines = {(0, n): {"start_s": 5.0 * n, "end_s": 5.0 * n + 4.5} for n in range(3)}
    tracks = AssemblyTracks("mix.flac", timing="timing.csv", srt="subtitles.srt")
    job = request(tmp_path, [spoken(3), None, spoken(3)], lines=lines, tracks=tracks)
    assembled(job)
    mix = read(job, "mix.flac")
    assert not mix[5 * 24_000 : 10 * 24_000].any()
    assert mix[10 * 24_000 :].any()
    rows = list(csv.DictReader(io.StringIO(Path(job.target, "timing.csv").read_text())))
    assert ["0.000", "", "10.000"] == [row["start_s"] for row in rows]
    assert 2 == Path(job.target, "subtitles.srt").read_text().count(" --> ")
    assert not Path(job.target, "clips/A/001.wav").exists()


def test_a_skipped_line_leaves_its_break_to_the_next(tmp_path: Path) -> None:
    """A chapter that begins with a line that is not spoken still has its pause and its mark."""
    lines = {(0, 1): {"skipped": True, "break_before": Break.CHAPTER}}
    clip = spoken(3) // 4
    job = request(
        tmp_path,
        [clip, None, clip],
        lines=lines,
        settings={"pause_s": 0.25},
        chapters=(Chapter("One", 0), Chapter("Two", 1)),
        tracks=AssemblyTracks("mix.flac", timing="timing.csv"),
    )
    result = assembled(job)
    assert result.placements[1] is None
    assert result.placements[2].start == len(clip) + 24_000
    assert len(Path(job.target, "timing.csv").read_text().splitlines()) == 3


def test_a_job_in_which_nothing_was_spoken_has_no_tracks(tmp_path: Path) -> None:
    """It says so; texts are written all the same."""
    job = request(tmp_path, [None], tracks=AssemblyTracks("mix.flac", srt="subtitles.srt"))
    result = assembled(job)
    assert ["subtitles.srt"] == [file.path for file in result.files]
    assert ("no line has a clip: there are no tracks",) == result.warnings


def test_an_engine_at_another_rate(tmp_path: Path) -> None:
    """Clips and tracks have the clips' rate."""
    clip = at_rate(spoken(0), 44_100)
    job = request(tmp_path, [clip], rate=44_100, tracks=MIX, settings={"loudness": -20.0})
    result = assembled(job)
    assert (44_100, len(clip)) == (result.sample_rate, result.length)


def test_more_stems_than_may_be_open_at_once(tmp_path: Path) -> None:
    """Seventy speakers: each stem has its own line at its own place."""
    clips = [babble(0.3, seed=n) for n in range(70)]
    job = request(tmp_path, *([clip] for clip in clips), stems="flac", tracks=MIX)
    result = assembled(job)
    stems = np.stack([read(job, speaker.stem) for speaker in job.speakers])
    assert np.array_equal(stems.sum(axis=0), read(job, "tracks/mix.flac"))
    for stem, clip, placed in zip(stems, clips, result.placements, strict=True):
        assert np.array_equal(clip, stem[placed.start : placed.end])


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    """Seconds of audio that were read, never more than there are to read."""
    clip = babble(60)
    lines = [clip] * 40
    ended = assemble(request(tmp_path, lines, stems="flac", settings={"loudness": -18.0}, tracks=MIX))
    told = [answer for answer in ended.answers if isinstance(answer, AssemblyProgress)]
    assert told
    assert sorted(answer.done_s for answer in told) == [answer.done_s for answer in told]
    assert {4_800.0} == {answer.total_s for answer in told}
    assert told[-1].done_s <= 4_800.0


def test_a_title_and_an_author(tmp_path: Path) -> None:
    """flac has them as tags; a stem names its speaker."""
    metadata = AssemblyMetadata(title="Der Nebel", author="Jemand")
    job = request(tmp_path, [spoken(0)], stems="flac", tracks=MIX, metadata=metadata)
    assembled(job)
    assert ("Der Nebel", "Jemand") == _tags(job, "tracks/mix.flac")
    assert ("Der Nebel – A", "Jemand") == _tags(job, "tracks/A.flac")


def _tags(job: AssemblyRequest, path: str) -> tuple[str, str]:
    with soundfile.SoundFile(Path(job.target, path)) as sound:
        return sound.title, sound.artist
