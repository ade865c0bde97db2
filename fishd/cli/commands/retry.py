"""`fishd retry`: submit a job's archived bundle again, as JOB-retry, so that its missing segments are spoken.

Good clips are taken over from the first result: the new result is the whole job.
"""

from __future__ import annotations

import os
from pathlib import Path

from fishd.cli.commands.submit import report
from fishd.cli.drop import drop
from fishd.cli.job_outcome import read_result
from fishd.cli.locate import parse_job_name, read_config, spool_root
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.core.model.clip_key import base_name
from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.spool.endings import bundle_in


def retry(job: str, path: Path | None, *, wait: bool) -> int:
    """Submit the bundle again; the exit code."""
    config = read_config(path)
    root = spool_root(config)
    job = parse_job_name(job)
    if not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", EXIT_FAILED)
    bundle = bundle_in(root / "archive", job) or root / "archive" / job
    num_missing = _count_missing(read_result(root / "outbox" / job), bundle)
    if not os.path.lexists(bundle):
        days = config.spool.archive_days
        fault = f"is no longer archived (archive_days is {days}); submit the bundle again"
        raise CommandError(f"{bundle}: {fault}", EXIT_FAILED)
    dropped = drop(bundle, root, f"{base_name(job)}-retry", config.limits)
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
