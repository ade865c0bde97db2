"""`fishd review`: serve the page on which results are heard, compared and spoken again."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.cli.locate import last_status, parse_job_name, read_config, spool_root, why_no_daemon
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.core.text.printable import to_printable

INSTALL = "fishd review needs the extra `review`; install it with: pip install 'fishd[review]'"


def review(job: str | None, path: Path | None, host: str, port: int) -> int:
    """Serve until Ctrl-C; the exit code."""
    config = read_config(path)
    root = spool_root(config)
    job = parse_job_name(job) if job else None
    if job and not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", EXIT_FAILED)
    try:
        from fishd.review.server import CannotListen, Page
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "fishd":
            raise
        raise CommandError(INSTALL) from error
    try:
        page = Page(root, config.limits, host, port)
    except CannotListen as error:
        raise CommandError(error) from error
    if page.warning:
        print_message(page.warning)
    if trouble := why_no_daemon(root, last_status(root)):
        print_message(trouble)
    print(page.url(job), flush=True)
    page.serve()
    return EXIT_OK
