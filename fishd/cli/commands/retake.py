"""`fishd retake`: ask for a revision of a published job, so that only these lines are spoken again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from fishd.cli.job_outcome import print_outcome, read_result
from fishd.cli.locate import last_status, parse_job_name, read_config, spool_root, why_no_daemon
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.cli.progress import POLL_S
from fishd.core.model.result import Result, RevisionResult
from fishd.core.revision.apply import find_lines, why_not
from fishd.core.revision.request import LineRevision, Revision
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable
from fishd.spool.endings import bundle_in
from fishd.spool.errors import fix_for
from fishd.spool.revision.request_file import (
    RequestState,
    parse_request,
    request_revision,
    request_state,
    to_toml,
    why_refused,
)

_GONE_AFTER_S = 2.0


def retake(
    job: str,
    lines: Sequence[str],
    config: Path | None,
    *,
    text: str | None,
    take: int | None,
    pronounce: Sequence[str],
    wait: bool,
) -> int:
    """Check what is asked against the job's result, and write the request; the exit code."""
    settings = read_config(config)
    root = spool_root(settings)
    job = parse_job_name(job)
    result = _published(job, root)
    if text is not None and len(lines) != 1:
        raise CommandError("--text: is the text of one line; name that line, as SPEAKER/ID")
    terms = dict(_term(argument) for argument in pronounce)
    asked = tuple(LineRevision(*_line(argument, result), text, take) for argument in lines)
    revision, faults = parse_request(to_toml(Revision(job, asked, terms)).encode(), job, settings.limits)
    faults += find_lines(revision, result)[1]
    if faults:
        raise CommandError("\n".join(f"{to_printable(job)}: {fault}" for fault in faults))
    if bundle_in(root / "archive", job) is None and not os.path.lexists(root / "work" / job):
        fault = f"is no longer archived (archive_days is {settings.spool.archive_days})"
        raise CommandError(f"{root / 'archive' / job}: {fault}; submit the bundle again", EXIT_FAILED)
    try:
        request = request_revision(root, revision)
    except OSError as error:
        raise CommandError(f"{root / 'inbox'}: {error.strerror}; {fix_for(error)}", EXIT_FAILED) from error
    _report(job, asked, root, wait=wait)
    return _wait_for(job, request, root) if wait else EXIT_OK


def _published(job: str, root: Path) -> Result:
    """The job's result. Raises CommandError for a job that cannot be revised."""
    name = to_printable(job)
    if not os.path.lexists(root / "outbox" / job):
        fault = f"has no result in {root / 'outbox'}"
        if os.path.lexists(root / "work" / job):
            fault = "is still in work; wait for its result"
        raise CommandError(f"{name}: {fault}", EXIT_FAILED)
    result = read_result(root / "outbox" / job)
    if fault := why_not(result):
        raise CommandError(f"{name}: {fault.what}", EXIT_FAILED)
    return result


def _line(argument: str, result: Result) -> tuple[str, str]:
    """`Ada/001` as a speaker and an id, either of which may have slashes."""
    parts = argument.split("/")
    splits = [("/".join(parts[:n]), "/".join(parts[n:])) for n in range(len(parts) - 1, 0, -1)]
    if not splits:
        raise CommandError(f"{argument}: is not a line; give it as SPEAKER/ID, such as Ada/001")
    known = {(speaker.name, row.id) for speaker in result.speakers for row in speaker.segments}
    return next((split for split in splits if split in known), splits[0])


def _term(argument: str) -> tuple[str, str]:
    term, equals, spoken = argument.partition("=")
    if not equals or not term.strip():
        raise CommandError(f"--pronounce {argument}: give it as WORD=AS, such as SQL=sequel")
    return term, spoken


def _report(job: str, asked: Sequence[LineRevision], root: Path, *, wait: bool) -> None:
    what = count(len(asked), "line") if asked else "pronunciations"
    print_message(f"{to_printable(job)}: a revision of {what} is in the inbox")
    if trouble := why_no_daemon(root, last_status(root)):
        print_message(trouble)
    if not wait:
        print(job)


def _wait_for(job: str, request: str, root: Path) -> int:
    """Wait until the revision is published or refused; EXIT_OK if every line is as asked."""
    seen_at = time.monotonic()
    while (entry := _published_as(job, request, root)) is None:
        if request_state(root, request) is RequestState.REFUSED:
            faults = why_refused(root, request) or ("see its log",)
            raise CommandError(
                "\n".join(f"{to_printable(job)}: refused: {fault}" for fault in faults), EXIT_FAILED
            )
        if _is_under_way(job, request, root):
            seen_at = time.monotonic()
        elif time.monotonic() - seen_at > _GONE_AFTER_S:
            fault = "the request is no longer in the inbox or in work; something removed it"
            raise CommandError(f"{to_printable(job)}: {fault}", EXIT_FAILED)
        time.sleep(POLL_S)
    print_outcome(root / "outbox" / job)
    failed = [line for line in entry.lines if line.error is not None]
    return EXIT_FAILED if failed else EXIT_OK


def _is_under_way(job: str, request: str, root: Path) -> bool:
    return request_state(root, request) is RequestState.WAITING or os.path.lexists(root / "work" / job)


def _published_as(job: str, request: str, root: Path) -> RevisionResult | None:
    """The revision that this request has led to; None before it is published."""
    if _is_under_way(job, request, root) or not os.path.lexists(root / "outbox" / job):
        return None
    entries = [entry for entry in read_result(root / "outbox" / job).revisions if entry.request == request]
    return entries[0] if entries else None
