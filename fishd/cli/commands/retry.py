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
from fishd.core.model.job import Job, JobStatus, Segment, Speaker
from fishd.core.model.result import Result
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.spool.archive.endings import bundle_in
from fishd.spool.bundle.load import read_dropped
from fishd.spool.bundle.reference_store import SideBySide
from fishd.spool.names import base_name


def retry(job: str, path: Path | None, *, wait: bool) -> int:
    """Submit the bundle again; the exit code."""
    config = read_config(path)
    root = spool_root(config)
    job = parse_job_name(job)
    if not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", EXIT_FAILED)
    bundle = bundle_in(root / "archive", job) or root / "archive" / job
    result = read_result(root / "outbox" / job)
    _check_retryable(result, bundle)
    with tempfile.TemporaryDirectory(prefix="fishd-retry-") as folder:
        copies = Path(folder) / "bundle"
        copies.mkdir()
        _write_bundle(copies, _read_bundle(bundle, config, copies))
        dropped = drop(copies, root, f"{base_name(job)}-retry")
    print_message(f"{to_printable(job)}: {count(result.totals.failed, 'segment')} to speak again")
    if remark := _remark(result):
        print_message(f"{to_printable(job)}: {remark}")
    return report([dropped], root, wait=wait)


def _check_retryable(result: Result, bundle: Path) -> None:
    """Raises CommandError for a job that has nothing to speak again."""
    name = to_printable(result.job)
    if result.status is JobStatus.REJECTED:
        raise CommandError(f"{name}: was rejected; fix the bundle ({bundle}) and submit it", EXIT_FAILED)
    if not result.totals.failed:
        raise CommandError(f"{name}: every segment is spoken; there is nothing to retry", EXIT_OK)


def _remark(result: Result) -> str:
    """A warning of segments that will fail again; "" if there are none."""
    failed, hopeless = result.totals.failed, result.num_not_retryable
    if not hopeless:
        return ""
    which = f" {hopeless:,} of the {failed:,} failed segments" if hopeless < failed else ""
    return (
        f"a retry cannot help{which} unless the engine or its options have changed; "
        "else fix the text or the reference, and submit the bundle again"
    )


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
