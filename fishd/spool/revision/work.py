"""A revision in work/NAME: its request, the bundle out of the archive, the result that it goes on with.

    work/NAME/X.revision.toml  the request, under the name that it had in the inbox
    work/NAME/former.json      the result.json of outbox/NAME, as it was when the revision began
    work/NAME/bundle           the bundle, back from archive/ until the revision is published

The rest is as for every job. A revision that is refused leaves everything as it was before, and its request
in archive/, with the reasons in its first lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.core.model.result import Result
from fishd.spool.durable.confined_fs import ConfinedFolder, Missing, Refused
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.endings import bundle_in, unexpected_ending
from fishd.spool.names import one_line
from fishd.spool.outbox.publish import archive_bundle
from fishd.spool.outbox.reuse import MAX_RESULT_BYTES
from fishd.spool.revision.request_file import REFUSED
from fishd.spool.work_folder import BUNDLE, ENDING, FORMER, RESULT, request_in

_MOST_SPOKEN = 20  # times the longest text: pronunciations may be longer than what they replace
_NOT_READABLE = "result.json is not as this version of fishd wrote it; submit the bundle as a new job"


def former_result(folder: Path, outbox: Path, limits: Limits, disk: Disk) -> Result | Fault:
    """The result that the revision goes on with; from the first call on its copy in work/NAME.

    Raises OSError.
    """
    copy = folder / FORMER
    try:
        content = copy.read_bytes()
    except FileNotFoundError:
        try:
            with ConfinedFolder(outbox / folder.name) as result:
                content = result.read(RESULT, MAX_RESULT_BYTES)
        except Missing:
            return Fault("job", f"there is no result outbox/{folder.name}")
        except Refused as refused:
            return Fault("job", f"result.json of outbox/{folder.name} {refused}")
        _write_whole(copy, content, disk)
    try:
        result = msgspec.json.decode(content, type=Result)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Fault("job", _NOT_READABLE)
    is_good = result.job == folder.name and _has_clean_texts(result, limits)
    return result if is_good else Fault("job", _NOT_READABLE)


def claim_bundle(folder: Path, archive: Path, disk: Disk) -> bool:
    """Move the job's bundle from archive/ into work/NAME, unless it is there; whether there is one.

    Raises OSError.
    """
    if os.path.lexists(folder / BUNDLE):
        return True
    bundle = bundle_in(archive, folder.name)
    if bundle is None:
        return False
    if (ending := unexpected_ending(bundle)) is not None:
        _write_whole(folder / ENDING, ending.encode(), disk)
    disk.rename(bundle, folder / BUNDLE)
    disk.sync_folders([folder, archive])
    return True


def refuse(folder: Path, archive: Path, faults: Sequence[Fault], disk: Disk) -> None:
    """Undo the revision in work/NAME, and keep its request in archive/ with the reasons. Raises OSError."""
    request = request_in(folder)
    if request is not None:
        content = _reasons(faults) + request.read_bytes()
        with suppress(FileNotFoundError):
            disk.remove_file(archive / request.name)
        _write_whole(archive / request.name, content, disk)
    if os.path.lexists(folder / BUNDLE):
        archive_bundle(folder, archive, folder.name, disk)
    disk.sync_folders([archive, folder])
    remove_tree(disk, folder)


def _reasons(faults: Iterable[Fault]) -> bytes:
    return "".join(f"{REFUSED}{one_line(str(fault))}\n" for fault in faults).encode()


def _write_whole(path: Path, content: bytes, disk: Disk) -> None:
    """Create a file that is whole if it is there."""
    part = path.with_name(f".{path.name[:200]}.part")
    part.unlink(missing_ok=True)  # left by a crash
    path.unlink(missing_ok=True)
    disk.write(part, content)
    disk.rename(part, path)


def _has_clean_texts(result: Result, limits: Limits) -> bool:
    """Users can write to the outbox: a revision may speak the texts that are in its result."""
    rows = (row for speaker in result.speakers for row in speaker.segments)
    texts = (
        text
        for row in rows
        for one in (row, *row.kept)
        for text in (one.text, one.spoken)
        if text is not None
    )
    most = _MOST_SPOKEN * limits.text_chars
    return all(len(text) <= most and one_line(text) == text for text in texts)
