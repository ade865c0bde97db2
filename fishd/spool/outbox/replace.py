"""Put a revised result in the place of the former one, which is kept in archive/.

The two change places in one step, so that outbox/NAME is always whole: the former result or the new one.
Where the file system cannot do that (NFS, sshfs), outbox/NAME is missing for a moment between two renames.
Every step can be repeated after a crash: the new result is told from the former one by its result.json.
"""

from __future__ import annotations

import os
from pathlib import Path

from fishd.core.model.hashes import content_hash
from fishd.spool.durable.disk import Disk, rename_to_free
from fishd.spool.durable.syscalls import UNKNOWN_CALL
from fishd.spool.work_folder import RESULT

MOST_USER_FILES = 100
MOST_USER_BYTES = 16 << 20  # of one file
OURS = {RESULT, "summary.txt", "summary.html", "job.log"}
_OUR_ENDINGS = (".m4b",)


def replace_result(tree: Path, target: Path, former: Path, result_hash: str, disk: Disk) -> None:
    """`tree` becomes `target`, what was there becomes `former` (or the first of FORMER-2, … that is free).

    `result_hash` is of the new result's result.json. A target that somebody removed is no fault. Files that
    users keep in the result and changed since they were copied into `tree` are carried over. Raises OSError.
    """
    aside = tree.with_name("former")
    if _is_new(tree, result_hash):
        _change_places(tree, target, aside, disk)
    for left in (tree, aside):
        if os.path.lexists(left):
            _carry_over(left, target, disk)
            rename_to_free(disk, left, former.parent, former.name)


def user_files(result: Path) -> dict[str, bytes]:
    """The files of users in a result's folder (review.json, notes): not below it, not large ones."""
    found: dict[str, bytes] = {}
    for path in _user_paths(result):
        try:
            found[path.name] = path.read_bytes()
        except OSError:  # nothing that fishd needs
            continue
    return found


def _is_new(tree: Path, result_hash: str) -> bool:
    try:
        return content_hash((tree / RESULT).read_bytes()) == result_hash
    except (FileNotFoundError, NotADirectoryError):
        return False


def _change_places(tree: Path, target: Path, aside: Path, disk: Disk) -> None:
    if not os.path.lexists(target):
        disk.rename(tree, target)
        return
    try:
        disk.exchange(tree, target)
    except OSError as error:
        if error.errno not in UNKNOWN_CALL:
            raise
        disk.rename(target, aside)
        disk.rename(tree, target)


def _carry_over(former: Path, target: Path, disk: Disk) -> None:
    """A user's file that was written after it was copied into the new result: the latest one counts."""
    for path in _user_paths(former):
        ours = target / path.name
        if not os.path.lexists(ours):
            disk.rename(path, ours)
        elif path.lstat().st_mtime_ns > ours.lstat().st_mtime_ns:
            disk.remove_file(ours)
            disk.rename(path, ours)


def _user_paths(result: Path) -> list[Path]:
    try:
        with os.scandir(result) as entries:
            found = [entry for entry in entries if _is_users(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(Path(entry.path) for entry in found[:MOST_USER_FILES])


def _is_users(entry: os.DirEntry[str]) -> bool:
    is_ours = entry.name in OURS or entry.name.startswith(".") or entry.name.endswith(_OUR_ENDINGS)
    if is_ours or not entry.is_file(follow_symlinks=False):
        return False
    return entry.stat(follow_symlinks=False).st_size <= MOST_USER_BYTES
