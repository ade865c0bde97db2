"""`fishd retry`: a job's bundle once more, so that what was not spoken is spoken and all stands together.

Its good clips are taken over from its result: the new result, JOB-retry, is the whole job.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tomli_w

from fishd.cli.commands.submit import say_dropped, wait_for
from fishd.cli.drop import drop
from fishd.cli.job_outcome import read_result
from fishd.cli.locate import job_named, load, spool_root
from fishd.cli.output import NOT_ALL_WELL, WELL, CommandError, say
from fishd.core.config.config import Config
from fishd.core.model.clip_key import base_name
from fishd.core.model.job import Job, JobStatus, Segment, Speaker
from fishd.core.model.result import Result
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.spool.archive.endings import bundle_in
from fishd.spool.bundle.load import read_dropped
from fishd.spool.bundle.reference_store import SideBySide


def retry(job: str, path: Path | None, *, wait: bool) -> int:
    """Drop the archived bundle again as JOB-retry; the exit code."""
    config = load(path)
    root = spool_root(config)
    job = job_named(job)
    if not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", NOT_ALL_WELL)
    result = read_result(root / "outbox" / job)
    num_wanted = _count_not_spoken(result, root)
    bundle = bundle_in(root / "archive", job) or root / "archive" / job
    with tempfile.TemporaryDirectory(prefix="fishd-retry-") as folder:
        copies = Path(folder) / "bundle"
        copies.mkdir()
        _write(copies, _read(bundle, config, copies))
        dropped = drop(copies, root, f"{base_name(job)}-retry")
    say(f"{count(num_wanted, 'segment')} of {to_printable(job)} to speak again")
    say_dropped(dropped, root=root, wait=wait)
    return wait_for([dropped.name], root) if wait else WELL


def _count_not_spoken(result: Result, root: Path) -> int:
    if result.status is JobStatus.REJECTED:
        bundle = bundle_in(root / "archive", result.job) or root / "archive" / result.job
        what = f"was rejected; mend the bundle ({bundle}) and submit it"
        raise CommandError(f"{to_printable(result.job)}: {what}", NOT_ALL_WELL)
    segments = [segment for speaker in result.speakers for segment in speaker.segments]
    num_wanted = sum(segment.status != "done" for segment in segments)
    if not num_wanted:
        raise CommandError(
            f"{to_printable(result.job)}: every segment is spoken; nothing is to be retried", WELL
        )
    return num_wanted


def _read(bundle: Path, config: Config, copies: Path) -> Job:
    """The archived bundle, with copies of its clips: they are read as any stranger's."""
    if not os.path.lexists(bundle):
        what = f"is not there any more (archive_days is {config.spool.archive_days}); submit the bundle anew"
        raise CommandError(f"{bundle}: {what}", NOT_ALL_WELL)
    unpacked = copies.with_name("unpacked")
    reading = read_dropped(
        bundle, bundle.name, config.limits, config.output.format, unpacked=unpacked, copies=SideBySide(copies)
    )
    if reading.job is None:
        raise CommandError("\n".join(f"{bundle.name}: {fault}" for fault in reading.faults), NOT_ALL_WELL)
    return reading.job


def _write(folder: Path, job: Job) -> None:
    """A manifest beside the copied clips; whatever the configuration says, good clips are taken over."""
    manifest = {
        "title": job.title,
        "priority": job.priority,
        "output": {"format": job.format, "reuse": True},
        "engine_options": dict(job.engine_options),
        "speakers": [_speaker(speaker) for speaker in job.speakers],
    }
    (folder / "job.toml").write_text(tomli_w.dumps(manifest), "utf-8")


def _speaker(speaker: Speaker) -> dict[str, object]:
    return {
        "name": speaker.name,
        "reference": list(speaker.references),
        "transcript": speaker.transcript,
        "language": speaker.language,
        "segments": [_segment(segment) for segment in speaker.segments],
    }


def _segment(segment: Segment) -> dict[str, object]:
    times = {"start": segment.start, "end": segment.end}
    said = {key: value for key, value in times.items() if value is not None}
    return {"id": segment.id, "text": segment.text, "language": segment.language, **said}
