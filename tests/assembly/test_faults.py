"""What ends an assembly early: a kill, a full disk, clips and requests that are no good."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from fishd.assembly.encode.sinks import open_sink
from fishd.wire.assembly import (
    AssemblyLine,
    AssemblyProgress,
    AssemblyRequest,
    AssemblySpeaker,
    AssemblyTracks,
)
from tests.assembly.running import assemble, assembled, command, request
from tests.assembly.sounds import RATE, babble, spoken, write
from tests.faults.faulty_disks import tmpfs

MIX = AssemblyTracks(mix="tracks/mix.flac", srt="tracks/subtitles.srt")


def long_job(folder: Path, suffix: str = "flac") -> AssemblyRequest:
    """Takes a second or more."""
    tracks = AssemblyTracks(mix=f"tracks/mix.{suffix}", srt="tracks/subtitles.srt")
    clip = babble(30)
    return request(
        folder, [clip] * 30, [clip] * 30, tracks=tracks, stems="flac", settings={"loudness": -18.0}
    )


def test_a_killed_assembly_can_be_run_again(tmp_path: Path) -> None:
    """It has told no result; after its folder is removed, the next run gives what it would have given."""
    job = long_job(tmp_path)
    with subprocess.Popen(command(job), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = msgspec.json.decode(process.stdout.readline(), type=AssemblyProgress)
        process.kill()
        assert b'"result"' not in process.stdout.read()
    assert first.done_s < first.total_s
    assert Path(job.target).exists()
    shutil.rmtree(job.target)
    again = assembled(job)
    never_killed = msgspec.structs.replace(job, target=str(tmp_path / "other"))
    assert again == assembled(never_killed)


def test_a_folder_that_was_left_is_not_written_into(tmp_path: Path) -> None:
    """What a killed run left is not mixed with the next."""
    job = request(tmp_path, [spoken(0)], tracks=MIX)
    Path(job.target).mkdir()
    ended = assemble(job)
    assert (1, "request", job.target) == (ended.status, ended.fault.kind, ended.fault.where)
    assert "exists already; remove it first" == ended.fault.what


@pytest.mark.parametrize(
    ("suffix", "clip_format"), [("flac", None), ("wav", "wav"), ("opus", None), ("m4b", "mp3")]
)
def test_a_full_disk_is_a_fault_of_its_own(tmp_path: Path, suffix: str, clip_format: str | None) -> None:
    """With its number, whoever was writing; with room, the same request succeeds."""
    clips = [babble(20, seed=n) for n in range(12)]
    tracks = AssemblyTracks(mix=f"mix.{suffix}")
    job = request(tmp_path, clips, clip_format=clip_format, tracks=tracks, settings={"loudness": -18.0})
    with tmpfs(tmp_path / "small", "size=256k") as disk:
        ended = assemble(msgspec.structs.replace(job, target=str(disk / "out")))
        assert ended.fault.where.startswith(str(disk / "out"))
    assert 1 == ended.status
    assert ("disk", errno.ENOSPC) == (ended.fault.kind, ended.fault.errno)
    assert "No space left on device" == ended.fault.what
    assembled(job)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_disk_without_room_for_the_end_of_a_track_is_found(tmp_path: Path, suffix: str) -> None:
    """libsndfile reports nothing when it closes a file, whose last block may be missing."""
    samples = babble(20)
    complete = tmp_path / "complete"
    _encode(complete, suffix, samples)
    size = complete.stat().st_size // 4096 * 4096  # whole pages: less than a block is missing
    with (
        tmpfs(tmp_path / "small", f"size={size}") as disk,
        pytest.raises(OSError, match="No space") as error,
    ):
        _encode(disk / "track", suffix, samples)
    assert errno.ENOSPC == error.value.errno


def test_a_full_disk_is_found_in_small_files_too(tmp_path: Path) -> None:
    """No inodes are left for the texts."""
    job = request(
        tmp_path, [spoken(0)], clip_format=None, tracks=AssemblyTracks(srt="a.srt", vtt="b/c/d.vtt")
    )
    with tmpfs(tmp_path / "small", "size=1M,nr_inodes=4") as disk:
        ended = assemble(msgspec.structs.replace(job, target=str(disk / "out")))
    assert ("disk", errno.ENOSPC) == (ended.fault.kind, ended.fault.errno)


def _encode(path: Path, suffix: str, samples: NDArray[np.int16]) -> None:
    with path.open("x+b") as file:
        sink = open_sink(file, suffix, RATE, len(samples))
        sink.write(samples)
        sink.finish()


def _remove(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1_000)


def _scribble(path: Path) -> None:
    path.write_bytes(b"not a clip at all")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _resample(path: Path) -> None:
    write(path, spoken(1), 16_000)


def _replace(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _widen(path: Path) -> None:
    with wave.open(str(path), "wb") as clip:
        clip.setparams((2, 2, 24_000, 0, "NONE", ""))
        clip.writeframes(np.zeros(9_600, np.int16).tobytes())


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_remove, "is gone"),
        (_truncate, "ends before its end; it was damaged after it was written"),
        (_scribble, "not a WAV file that can be read (file does not start with RIFF id)"),
        (_empty, "not a WAV file that can be read ()"),
        (_resample, "is at 16000 Hz, the clips before it at 24000 Hz"),
        (_replace, "cannot be read: Is a directory"),
        (_widen, "is 16-bit with 2 channels, not 16-bit mono"),
    ],
)
def test_a_clip_that_cannot_be_used_is_named(
    tmp_path: Path, damage: Callable[[Path], None], what: str
) -> None:
    """The caller can then take that one line as failed."""
    job = request(tmp_path, [spoken(0), spoken(1)], tracks=MIX)
    damage(Path(job.source, "clips/A/001.wav"))
    ended = assemble(job)
    assert (1, "clip", "clips/A/001.wav", what) == (
        *(ended.status, ended.fault.kind),
        *(ended.fault.where, ended.fault.what),
    )


def test_all_clips_that_cannot_be_used_come_together(tmp_path: Path) -> None:
    """However many of them: the caller need not start a process for each."""
    job = request(tmp_path, [spoken(0), spoken(1), spoken(2)], tracks=MIX)
    _remove(Path(job.source, "clips/A/000.wav"))
    _empty(Path(job.source, "clips/A/002.wav"))
    assert {
        "clips/A/000.wav": "is gone",
        "clips/A/002.wav": "not a WAV file that can be read ()",
    } == assemble(job).fault.clips


def test_without_pyav_the_coded_formats_are_missing(tmp_path: Path) -> None:
    """The fault says what to install, before any work is done; flac and wav need nothing."""
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "av.py").write_text("raise ImportError('No module named av')")
    environment = {"PYTHONPATH": f"{tmp_path / 'shadow'}:{os.environ.get('PYTHONPATH', '')}"}
    coded = request(tmp_path / "coded", [spoken(0)], tracks=AssemblyTracks(mix="tracks/mix.opus"))
    ended = assemble(coded, **environment)
    assert ("missing", "tracks/mix.opus") == (ended.fault.kind, ended.fault.where)
    assert "opus needs PyAV (No module named av): pip install 'fishd[formats]'" == ended.fault.what
    assert not Path(coded.target).exists()
    plain = request(tmp_path / "plain", [spoken(0)], clip_format="flac", tracks=MIX)
    assert 0 == assemble(plain, **environment).status


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        (
            {"tracks": AssemblyTracks(mix="mix.aac")},
            "mix.aac",
            "the format must be one of wav flac ogg opus mp3 m4b",
        ),
        ({"tracks": AssemblyTracks(mix="mix")}, "mix", "the format must be one of wav flac ogg opus mp3 m4b"),
        (
            {"tracks": AssemblyTracks(mix="a.flac"), "speakers": (AssemblySpeaker("A", "a.flac"),)},
            "a.flac",
            "is the path of 2 files",
        ),
        ({"lines": (AssemblyLine(1, "007", "Hello"),)}, "line 007", "there is no speaker 1"),
    ],
)
def test_a_request_that_makes_no_sense(
    tmp_path: Path, changes: dict[str, object], where: str, what: str
) -> None:
    """It is not tried again and again: the fault says what is wrong with it."""
    job = msgspec.structs.replace(request(tmp_path, [spoken(0)]), **changes)
    fault = assemble(job).fault
    assert ("request", where, what) == (fault.kind, fault.where, fault.what)
    assert not Path(job.target).exists()


def test_a_file_that_is_no_request(tmp_path: Path) -> None:
    """It is a fault too, not a traceback."""
    path = tmp_path / "request.json"
    path.write_text('{"source": 3}')
    words = [sys.executable, "-m", "fishd.assembly", str(path), str(os.getpid())]
    done = subprocess.run(words, check=False, capture_output=True)
    assert (1, b"") == (done.returncode, done.stderr)
    assert "Expected `str`, got `int` - at `$.source`" in done.stdout.decode()


def test_it_gives_way_to_the_speaking(tmp_path: Path) -> None:
    """It runs at a lower priority than whoever has started it."""
    with subprocess.Popen(command(long_job(tmp_path)), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        niceness = os.getpriority(os.PRIO_PROCESS, process.pid)
        process.kill()
    assert min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10) == niceness


def test_it_dies_with_the_daemon(tmp_path: Path) -> None:
    """Its pipe closes as soon as its parent is killed."""
    words = command(long_job(tmp_path), parent=0)[:-1]
    program = f"import os, subprocess; subprocess.run({words!r} + [str(os.getpid())])"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        parent.send_signal(signal.SIGKILL)
        assert b'"result"' not in parent.stdout.read()


def test_it_ends_at_once_for_a_daemon_that_is_already_dead(tmp_path: Path) -> None:
    """Nothing is written for a parent that is not its parent."""
    job = request(tmp_path, [spoken(0)])
    done = subprocess.run(command(job, parent=1), check=False, capture_output=True)
    assert (0, b"") == (done.returncode, done.stdout)
    assert not Path(job.target).exists()
