"""`fishd logs JOB`: the job's own lines of the log, wherever the job is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fishd.cli.locate import job_named, load, spool_root
from fishd.cli.output import NOT_ALL_WELL, WELL, CommandError, say
from fishd.spool.archive.endings import bundle_in


def show_log(job: str, path: Path | None) -> int:
    """Print job.log to stdout."""
    root = spool_root(load(path))
    job = job_named(job)
    for place in (root / "work" / job / "out", root / "outbox" / job):
        try:
            text = (place / "job.log").read_text("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CommandError(f"{place}/job.log: cannot be read: {error.strerror}", NOT_ALL_WELL) from error
        sys.stdout.write(text)
        if "work" in place.parts[-3:]:
            say("the job is in work; its lines come in blocks, so the last ones may not be here yet")
        return WELL
    if bundle_in(root / "inbox", job):
        raise CommandError(f"{job}: is still in the inbox and has no log yet", NOT_ALL_WELL)
    if os.path.lexists(root / "work" / job):
        raise CommandError(f"{job}: is in work, and has no log yet", NOT_ALL_WELL)
    raise CommandError(
        f"{job}: no such job; `fishd status` and `ls {root / 'outbox'}` show the names", NOT_ALL_WELL
    )
