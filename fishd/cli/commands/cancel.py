"""`fishd cancel`: no more of a job; what is spoken of it is published."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from fishd.cli.job_outcome import print_outcome
from fishd.cli.locate import daemon_pid, job_named, load, spool_root
from fishd.cli.output import NOT_ALL_WELL, WELL, CommandError, say
from fishd.cli.progress import published
from fishd.core.text.printable import to_printable
from fishd.daemon.clock import rfc3339
from fishd.spool.archive.endings import bundle_in
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import CancelledLine, Journal
from fishd.spool.root import open_spool
from fishd.wire.control import CONTROL, ask_to_cancel


def cancel(job: str, path: Path | None) -> int:
    """Have the daemon cancel it and wait for its result; without one, leave word for the next start."""
    root = spool_root(load(path))
    job = job_named(job)
    if not os.path.lexists(root / "work" / job):
        raise CommandError(_not_in_work(job, root), NOT_ALL_WELL)
    if daemon_pid(root) is None:
        return _leave_word(job, root)
    try:
        known = ask_to_cancel(root / CONTROL, job)
    except (OSError, msgspec.DecodeError) as error:
        what = f"{root / CONTROL}: the daemon cannot be asked: {error}; ask as its user or in its group"
        raise CommandError(what, NOT_ALL_WELL) from error
    if not known:
        raise CommandError(f"{to_printable(job)}: is being published already", NOT_ALL_WELL)
    say(f"{to_printable(job)} is cancelled; what is spoken of it is published")
    for name in published([job], root):
        print_outcome(root / "outbox" / name)
    return WELL


def _leave_word(job: str, root: Path) -> int:
    try:
        with open_spool(root) as spool, Journal(spool.work / job) as journal:
            journal.append(CancelledLine(rfc3339(time.time())))
    except (OSError, SpoolError) as error:
        raise CommandError(f"{to_printable(job)}: cannot be cancelled: {error}", NOT_ALL_WELL) from error
    say(f"no daemon runs; {to_printable(job)} ends at the next start, and what is spoken of it is published")
    return WELL


def _not_in_work(job: str, root: Path) -> str:
    if os.path.lexists(root / "outbox" / job):
        return f"{to_printable(job)}: is finished: {root / 'outbox' / job}"
    if bundle := bundle_in(root / "inbox", job):
        return f"{to_printable(job)}: is still in the inbox; to take it back, move {bundle} away"
    return f"{to_printable(job)}: no such job; `fishd status` shows the names"
