"""`fishd logs`: a job's own log, from work or from the outbox."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fishd.cli.locate import parse_job_name, read_config, spool_root
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.spool.archive.endings import bundle_in


def show_log(job: str, path: Path | None) -> int:
    """Print job.log on stdout; the exit code."""
    root = spool_root(read_config(path))
    job = parse_job_name(job)
    in_work = root / "work" / job / "out/job.log"
    for log in (in_work, root / "outbox" / job / "job.log"):
        try:
            text = log.read_text("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CommandError(f"{log}: cannot be read: {error.strerror}", EXIT_FAILED) from error
        sys.stdout.write(text)
        if log == in_work:
            print_message("the job is still in work; the log is written in blocks, so its end may be missing")
        return EXIT_OK
    if bundle_in(root / "inbox", job):
        raise CommandError(f"{job}: is still in the inbox and has no log yet", EXIT_FAILED)
    if os.path.lexists(root / "work" / job):
        raise CommandError(f"{job}: is in work and has no log yet", EXIT_FAILED)
    raise CommandError(
        f"{job}: no such job; `fishd status` and `ls {root / 'outbox'}` list them", EXIT_FAILED
    )
