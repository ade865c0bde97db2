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
from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.spool.endings import bundle_in
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
    _check_not_revised(result)
    if not os.path.lexists(bundle):
        days = config.spool.archive_days
        fault = f"is no longer archived (archive_days is {days}); submit the bundle again"
        raise CommandError(f"{bundle}: {fault}", EXIT_FAILED)
    dropped = drop(bundle, root, f"{base_name(job)}-retry", config.limits)
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


def _check_not_revised(result: Result) -> None:
    """The archived bundle does not have what revisions have changed. Raises CommandError."""
    if result.revision:
        fix = "speak its failed segments again with `fishd retake JOB SPEAKER/ID…`"
        raise CommandError(f"{to_printable(result.job)}: was revised; {fix}", EXIT_FAILED)


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
