"""`fishd cancel`: end a job; what is spoken already is published."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from fishd.cli.job_outcome import print_outcome
from fishd.cli.locate import daemon_pid, parse_job_name, read_config, spool_root
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.cli.progress import wait_until_published
from fishd.core.text.printable import to_printable
from fishd.core.text.timestamps import rfc3339
from fishd.spool.archive.endings import bundle_in
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import CancelledLine, Journal
from fishd.spool.root import open_spool
from fishd.wire.control import CONTROL, ask_to_cancel


def cancel(job: str, path: Path | None) -> int:
    """Have the daemon cancel it and wait for the result; without one, mark it for the next start."""
    root = spool_root(read_config(path))
    job = parse_job_name(job)
    if not os.path.lexists(root / "work" / job):
        raise CommandError(_why_not_in_work(job, root), EXIT_FAILED)
    if daemon_pid(root) is None:
        return _cancel_at_next_start(job, root)
    try:
        known = ask_to_cancel(root / CONTROL, job)
    except (OSError, msgspec.DecodeError) as error:
        fault = f"the daemon cannot be reached: {error}; run this as its user or in its group"
        raise CommandError(f"{root / CONTROL}: {fault}", EXIT_FAILED) from error
    if not known:
        raise CommandError(f"{to_printable(job)}: is already being published", EXIT_FAILED)
    print_message(f"{to_printable(job)}: cancelled; what is spoken already is published")
    wait_until_published([job], root)
    print_outcome(root / "outbox" / job)
    return EXIT_OK


def _cancel_at_next_start(job: str, root: Path) -> int:
    try:
        with open_spool(root) as spool, Journal(spool.work / job) as journal:
            journal.append(CancelledLine(rfc3339(time.time())))
    except (OSError, SpoolError) as error:
        raise CommandError(f"{to_printable(job)}: cannot be cancelled: {error}", EXIT_FAILED) from error
    print_message(
        f"{to_printable(job)}: no daemon is running; the job ends at its next start, and what is spoken "
        "already is published"
    )
    return EXIT_OK


def _why_not_in_work(job: str, root: Path) -> str:
    name = to_printable(job)
    if os.path.lexists(root / "outbox" / job):
        return f"{name}: is already finished: {root / 'outbox' / job}"
    if bundle := bundle_in(root / "inbox", job):
        return f"{name}: is still in the inbox; to withdraw it, move {bundle} away"
    return f"{name}: no such job; `fishd status` lists them"
