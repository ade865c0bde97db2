"""The daemon's side of an assembly: what it makes of processes that misbehave and clips that are damaged."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from fishd.core.model.job import Clip, Job, JobStatus
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.daemon.publishing.assembler import Assembler
from fishd.daemon.publishing.assembly import Assembly, Stopped
from fishd.daemon.publishing.assembly_process import COMMAND
from fishd.daemon.publishing.report import FinishedJob
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from tests.core.dispatcher_driver import make_job
from tests.daemon.bundles import RATE, tone

JOB: Job = replace(make_job(lines=(3,)), tracks=("mix",))
EMPTY_RESULT = json.dumps(
    {"type": "result", "sample_rate": 1, "length": 0, "speakers": [], "placements": [], "files": []}
)
AS_SPOKEN = "the clips are as they were spoken, and there are no tracks"
LIMIT_S = 60.0


def make_assembly(folder: Path) -> Assembly:
    """A job whose three lines are spoken, in this folder of work/."""
    ends: list[SegmentOutcome] = []
    for segment in JOB.speakers[0].segments:
        path = folder / "out" / segment.take_clip
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(0.5), RATE, subtype="PCM_16")
        ends.append(SegmentOutcome(1, Clip(segment.take_clip, 0.5, 1, 7, 0, "cpu", 0.1)))
    outcome = JobOutcome(JOB.name, JOB, JobStatus.DONE, (), (), (tuple(ends),), (), (), "noop", 1.0)
    return Assembly(outcome, JOB, folder, {})


def run(assembly: Assembly, command: Sequence[str] = COMMAND, silence_s: float = LIMIT_S) -> FinishedJob:
    async def run_in_time() -> FinishedJob:
        async with asyncio.timeout(LIMIT_S):
            return await assembly.run(Assembler(Disk(), command, silence_s))

    return asyncio.run(run_in_time())


def warnings_of(finished: FinishedJob) -> list[str]:
    return [warning.what for warning in finished.result.warnings]


def program(text: str) -> tuple[str, ...]:
    """A command that runs this Python program in the place of the assembly."""
    return (sys.executable, "-c", f"import os, sys, time\n{text}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("time.sleep(1000)", "made no progress for 0.5 s and was killed"),
        ("print('not JSON')", "printed an invalid answer: JSON is malformed: invalid character (byte 4)"),
        ('print(\'{"type": "other"}\')', "printed an invalid answer: Invalid value 'other' - at `$.type`"),
        ("sys.exit('a bug')", "ended with status 1 before it had finished; it last printed: a bug"),
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV before it had finished"),
        (f"print({EMPTY_RESULT!r})", "gave a result that does not fit the request"),
    ],
)
def test_a_process_that_gives_no_answer_is_given_up_after_two(tmp_path: Path, text: str, what: str) -> None:
    """The job is published with its clips as they were spoken."""
    started = tmp_path / "started"
    counted = f"open({str(started)!r}, 'a').write('x')\n{text}"
    finished = run(make_assembly(tmp_path / "NAME"), program(counted), silence_s=0.5)
    assert [f"not assembled: the process {what}; {AS_SPOKEN}"] == warnings_of(finished)
    assert ("done", "out", 3) == (finished.result.status, finished.tree, len(finished.clips))
    assert "xx" == started.read_text()


def test_a_process_that_cannot_be_started_is_retried_by_the_caller(tmp_path: Path) -> None:
    """The error names the job."""
    with pytest.raises(SpoolError, match="job NAME: cannot be assembled: No such file or directory"):
        run(replace(make_assembly(tmp_path / "NAME"), job=replace(JOB, name="NAME")), ["/no/such/program"])


def test_lines_whose_clips_are_damaged_fail_and_the_rest_is_assembled(tmp_path: Path) -> None:
    """Each with its own reason."""
    assembly = make_assembly(tmp_path / "NAME")
    first, second, third = (tmp_path / "NAME" / "out" / s.take_clip for s in JOB.speakers[0].segments)
    first.unlink()
    second.write_bytes(b"not audio")
    finished = run(assembly)
    unreadable = "not a WAV file that can be read (file does not start with RIFF id)"
    assert [f"its clip cannot be used: {what}" for what in ("is gone", unreadable)] == [
        fault.what for fault in finished.result.errors
    ]
    assert ("partial", "final") == (finished.result.status, finished.tree)
    assert "2 lines failed: the tracks are silent there" in warnings_of(finished)
    assert ["tracks/mix.flac"] == [track.path for track in finished.result.tracks]
    assert third.exists()


def test_a_job_without_a_usable_clip_has_failed(tmp_path: Path) -> None:
    """There is nothing to assemble."""
    assembly = make_assembly(tmp_path / "NAME")
    for segment in JOB.speakers[0].segments:
        (tmp_path / "NAME" / "out" / segment.take_clip).unlink()
    finished = run(assembly)
    assert ("failed", 3) == (finished.result.status, finished.result.totals.failed)


def test_a_job_whose_folder_was_deleted_has_failed(tmp_path: Path) -> None:
    """Its clips are gone; the job ends all the same."""
    assert "failed" == run(replace(make_assembly(tmp_path / "other"), folder=tmp_path / "NAME")).result.status


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_an_assembly_ends_when_it_is_stopped_or_cancelled(tmp_path: Path, *, is_cancelled: bool) -> None:
    """A cancelled job is published as it was spoken, a stopped one is not published."""
    started = tmp_path / "started"
    os.mkfifo(started)

    async def stop(assembly: Assembly, assembler: Assembler) -> FinishedJob | None:
        running = asyncio.create_task(assembly.run(assembler))
        async with asyncio.timeout(LIMIT_S):
            await asyncio.to_thread(started.read_bytes)
            (assembly.cancel if is_cancelled else assembly.stop)()
            try:
                return await running
            except Stopped:
                return None

    command = program(f"open({str(started)!r}, 'w').close()\ntime.sleep(1000)")
    finished = asyncio.run(stop(make_assembly(tmp_path / "NAME"), Assembler(Disk(), command)))
    assert is_cancelled == (finished is not None)
    assert finished is None or finished.result.status == "cancelled"


def test_a_second_run_takes_what_the_first_has_made(tmp_path: Path) -> None:
    """The disk may refuse to publish it; after `repeat` it is made again."""
    assembly = make_assembly(tmp_path / "NAME")
    finished = run(assembly)
    assert finished is run(assembly, ["/no/such/program"])
    assembly.repeat()
    assert finished.clips == run(assembly).clips
