"""`fishd review`: serve the page on which results are heard, compared and spoken again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fishd.cli.locate import last_status, parse_job_name, read_config, spool_root, why_no_daemon
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.core.model.limits import Limits
from fishd.core.text.printable import to_printable
from fishd.host.systemd import Notifier

if TYPE_CHECKING:
    from fishd.review.server import Page

INSTALL = "fishd review needs the extra `review`; install it with: pip install 'fishd[review]'"


def review(
    job: str | None, path: Path | None, host: str, port: int, *, url_file: Path | None, cache: Path | None
) -> int:
    """Serve until Ctrl-C; the exit code."""
    config = read_config(path)
    root = spool_root(config)
    job = parse_job_name(job) if job else None
    if job and not os.path.lexists(root / "outbox" / job):
        raise CommandError(f"{to_printable(job)}: has no result in {root / 'outbox'}", EXIT_FAILED)
    page = _page(root, config.limits, host, port, cache or root / ".cache")
    if page.warning:
        print_message(page.warning)
    if trouble := why_no_daemon(root, last_status(root)):
        print_message(trouble)
    if url_file:
        _write_url(page.url(job), url_file)
        print_message(f"the page's address, with its token, is in {url_file}")
    else:
        print(page.url(job), flush=True)
    Notifier(os.environ).ready()
    page.serve()
    return EXIT_OK


def _page(root: Path, limits: Limits, host: str, port: int, cache: Path) -> Page:
    try:
        from fishd.review.server import CannotListen, Page
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "fishd":
            raise
        raise CommandError(INSTALL) from error
    try:
        return Page(root, limits, host, port, cache)
    except CannotListen as error:
        raise CommandError(error) from error


def _write_url(url: str, path: Path) -> None:
    """In a new file: one that exists may be open to others. The umask may also close it to its group."""
    try:
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(f"{url}\n")
    except OSError as error:
        raise CommandError(
            f"{path}: cannot be written: {error.strerror}; name another file with --url-file"
        ) from error
