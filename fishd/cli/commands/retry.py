"""`fishd retry`: submit a job's archived bundle again, as JOB-retry, so that its missing segments are spoken.

Good clips are taken over from the first result: the new result is the whole job.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tomli_w

from fishd.cli.commands.submit import report
from fishd.cli.drop import drop
from fishd.cli.job_outcome import read_result
from fishd.cli.locate import parse_job_name, read_config, spool_root
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
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
    """Submit the bundle again; the exit code."""
    config = read_config(path)
    root = spool_root(config)
    job = parse_job_name(job)
    if not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", EXIT_FAILED)
    bundle = bundle_in(root / "archive", job) or root / "archive" / job
    num_missing = _count_missing(read_result(root / "outbox" / job), bundle)
    with tempfile.TemporaryDirectory(prefix="fishd-retry-") as folder:
        copies = Path(folder) / "bundle"
        copies.mkdir()
        _write_bundle(copies, _read_bundle(bundle, config, copies))
        dropped = drop(copies, root, f"{base_name(job)}-retry")
    print_message(f"{to_printable(job)}: {count(num_missing, 'segment')} to speak again")
    return report([dropped], root, wait=wait)


def _count_missing(result: Result, bundle: Path) -> int:
    """How many segments have no clip. Raises CommandError where a retry cannot help."""
    name = to_printable(result.job)
    if result.status is JobStatus.REJECTED:
        raise CommandError(f"{name}: was rejected; fix the bundle ({bundle}) and submit it", EXIT_FAILED)
    segments = [segment for speaker in result.speakers for segment in speaker.segments]
    num_missing = sum(segment.status != "done" for segment in segments)
    if not num_missing:
        raise CommandError(f"{name}: every segment is spoken; there is nothing to retry", EXIT_OK)
    return num_missing


def _read_bundle(bundle: Path, config: Config, copies: Path) -> Job:
    """The archived bundle as a job, its clips copied; it is still untrusted input."""
    if not os.path.lexists(bundle):
        fault = (
            f"is no longer archived (archive_days is {config.spool.archive_days}); submit the bundle again"
        )
        raise CommandError(f"{bundle}: {fault}", EXIT_FAILED)
    unpacked = copies.with_name("unpacked")
    loaded = read_dropped(
        bundle, bundle.name, config.limits, config.output.format, unpacked=unpacked, copies=SideBySide(copies)
    )
    if loaded.job is None:
        raise CommandError("\n".join(f"{bundle.name}: {fault}" for fault in loaded.faults), EXIT_FAILED)
    return loaded.job


def _write_bundle(folder: Path, job: Job) -> None:
    """A manifest beside the copied clips. It asks for reuse, whatever the configuration says."""
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
    given = {key: value for key, value in times.items() if value is not None}
    return {"id": segment.id, "text": segment.text, "language": segment.language, **given}
