"""`fishd retry`: the segments of a job that were not spoken, as a bundle of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tomli_w

from fishd.cli.drop import drop
from fishd.cli.outcome import read_result
from fishd.cli.places import job_named, load, spool_root
from fishd.cli.submit import say_dropped, wait_for
from fishd.cli.talk import NOT_ALL_WELL, WELL, CommandError, say
from fishd.core.config import Config
from fishd.core.job import Job, JobStatus, Segment, Speaker
from fishd.core.result import Result
from fishd.core.visible import visible
from fishd.core.words import count
from fishd.spool.bundle import read_bundle

Wanted = frozenset[tuple[str, str]]  # (speaker, segment id)


def retry(job: str, path: Path | None, *, wait: bool) -> int:
    """Drop a bundle JOB-retry with what failed; the exit code."""
    config = load(path)
    root = spool_root(config)
    job = job_named(job)
    if not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{visible(job)}: has no result in {root / 'outbox'}", NOT_ALL_WELL)
    result = read_result(root / "outbox" / job)
    wanted = _not_spoken(result, root)
    bundle = root / "archive" / job
    with tempfile.TemporaryDirectory(prefix="fishd-retry-") as folder:
        source = _read(bundle, config, Path(folder))
        _write(Path(folder), source, wanted)
        dropped = drop(Path(folder), root, f"{job}-retry")
    say(f"{count(len(wanted), 'segment')} of {visible(job)} to speak again")
    say_dropped(dropped, root=root, wait=wait)
    return wait_for([dropped.name], root) if wait else WELL


def _not_spoken(result: Result, root: Path) -> Wanted:
    if result.status is JobStatus.REJECTED:
        what = f"was rejected; mend the bundle ({root / 'archive' / result.job}) and submit it"
        raise CommandError(f"{visible(result.job)}: {what}", NOT_ALL_WELL)
    wanted = frozenset(
        (speaker.name, segment.id)
        for speaker in result.speakers
        for segment in speaker.segments
        if segment.status != "done"
    )
    if not wanted:
        raise CommandError(f"{visible(result.job)}: every segment is spoken; nothing is to be retried", WELL)
    return wanted


def _read(bundle: Path, config: Config, copies: Path) -> Job:
    """The archived bundle, with copies of its clips: they are read as any stranger's."""
    if not bundle.is_dir():
        what = f"is not there any more (archive_days is {config.spool.archive_days}); submit the bundle anew"
        raise CommandError(f"{bundle}: {what}", NOT_ALL_WELL)
    reading = read_bundle(bundle, bundle.name, config.limits, config.output.format, copies=copies)
    if reading.job is None:
        raise CommandError("\n".join(f"{bundle.name}: {fault}" for fault in reading.faults), NOT_ALL_WELL)
    return reading.job


def _write(folder: Path, job: Job, wanted: Wanted) -> None:
    """A manifest with the wanted segments, beside the clips of those who say them."""
    speakers = [speaker for speaker in job.speakers if any(_kept(speaker, wanted))]
    needed = {reference for speaker in speakers for reference in speaker.references}
    for reference in {reference for speaker in job.speakers for reference in speaker.references} - needed:
        (folder / reference).unlink()
    manifest = {
        "title": f"{job.title} (again)",
        "priority": job.priority,
        "output": {"format": job.format},
        "engine_options": dict(job.engine_options),
        "speakers": [_speaker(speaker, wanted) for speaker in speakers],
    }
    (folder / "job.toml").write_text(tomli_w.dumps(manifest), "utf-8")


def _kept(speaker: Speaker, wanted: Wanted) -> Iterator[Segment]:
    return (segment for segment in speaker.segments if (speaker.name, segment.id) in wanted)


def _speaker(speaker: Speaker, wanted: Wanted) -> dict[str, object]:
    return {
        "name": speaker.name,
        "reference": list(speaker.references),
        "transcript": speaker.transcript,
        "language": speaker.language,
        "segments": [_segment(segment) for segment in _kept(speaker, wanted)],
    }


def _segment(segment: Segment) -> dict[str, object]:
    times = {"start": segment.start, "end": segment.end}
    said = {key: value for key, value in times.items() if value is not None}
    return {"id": segment.id, "text": segment.text, "language": segment.language, **said}
