"""The spool's root: its folders, its one owner, and the checks that moving between the folders works."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.durable.syncfs import SyncfsDisk, can_flush
from fishd.spool.errors import SpoolBusy, SpoolError, disk_error, fix_for

FOLDERS = ("inbox", "work", "outbox", "archive")
LOCK = "fishd.lock"
PROBE = ".fishd-probe"


@dataclass(frozen=True, slots=True)
class Spool:
    """An open spool: the lock is held until `close`, or until the process ends.

    `disk` is the quickest way to write to it durably: pass it to Inbox, Journal, publish, finish.
    """

    root: Path
    lock_fd: int
    disk: Disk = field(default_factory=Disk)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def status_path(self) -> Path:
        return self.root / "status.json"

    def close(self) -> None:
        """Give the spool up."""
        self.disk.close()
        os.close(self.lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_spool(root: Path) -> Spool:
    """Make the folders, take the lock, try a rename along a job's way. Raises SpoolError, SpoolBusy."""
    root = root.absolute()
    make_folders(root)
    lock_fd = _lock(root)
    try:
        check_renames(root)
    except BaseException:
        os.close(lock_fd)
        raise
    return Spool(root, lock_fd, SyncfsDisk(root) if can_flush(root) else Disk())


def make_folders(root: Path) -> None:
    """The root and its four folders, where they are not there yet."""
    for folder in (root, *(root / name for name in FOLDERS)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise SpoolError(str(folder), "is a file, not a folder", "move it away") from error
        except OSError as error:
            raise SpoolError(str(folder), f"cannot be made: {error.strerror}", fix_for(error)) from error
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SpoolError(str(folder), "fishd may not read and write there", f"chown or chmod {folder}")


def check_renames(root: Path) -> None:
    """Move an empty folder along every way that a job goes. Raises SpoolError."""
    places = {name: root / name / PROBE for name in FOLDERS}
    for place in places.values():
        with suppress(OSError):  # a crash's
            place.rmdir()
    here = places["inbox"]
    try:
        here.mkdir()
        for name in ("work", "outbox", "work", "archive"):
            here = here.rename(places[name])
    except OSError as error:
        raise rename_error(root, error) from error
    finally:
        with suppress(OSError):
            here.rmdir()


@dataclass(frozen=True, slots=True)
class Expired:
    """What was removed from the archive, by name, and what could not be."""

    removed: tuple[str, ...]
    faults: tuple[SpoolError, ...] = ()


def expire_archive(archive: Path, days: float, now: float, disk: Disk | None = None) -> Expired:
    """Remove what was archived more than `days` ago. `now` is time.time().

    The age is counted from the later of ctime and mtime: the rename into the archive sets ctime, and no
    user can set it back.
    """
    removed: list[str] = []
    faults: list[SpoolError] = []
    try:
        found = list(_entries(archive))
    except OSError as error:
        return Expired((), (_not_removed(archive, error),))
    for path, facts in found:
        is_leftover = path.name.startswith(".removing-")
        if not is_leftover and now - max(facts.st_ctime, facts.st_mtime) <= days * 86_400:
            continue
        try:
            _remove(disk or Disk(), path)
        except OSError as error:
            faults.append(_not_removed(path, error))
        else:
            removed += [] if is_leftover else [path.name]
    return Expired(tuple(removed), tuple(faults))


def _not_removed(path: Path, error: OSError) -> SpoolError:
    return disk_error(str(path), "cannot be removed", error)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat(follow_symlinks=False)


def _remove(disk: Disk, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(disk, path)
    else:
        disk.remove_file(path)


def _lock(root: Path) -> int:
    path = root / LOCK
    try:
        # Not for writing: a disk with a file that is open for writing cannot be remounted read-only.
        fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SpoolError(str(path), f"cannot be opened: {error.strerror}", fix_for(error)) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(fd, 32, 0).strip()
        os.close(fd)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise SpoolBusy(str(root), int(owner) if owner.isdigit() else 0) from error
        raise SpoolError(
            str(path), f"cannot be locked: {error.strerror}", "put the spool on a local disk"
        ) from error
    with suppress(OSError):  # on a full disk the lock holds without its owner's number
        path.write_bytes(b"%d\n" % os.getpid())
    return fd


def rename_error(root: Path, error: OSError) -> SpoolError:
    if error.errno == errno.EXDEV:
        return SpoolError(
            str(root),
            f"inbox, work, outbox and archive are not one file system: {error.filename} cannot be renamed to "
            f"{error.filename2}",
            "put them under one mount (with systemd: one ReadWritePaths= for the root, not one for each)",
        )
    return SpoolError(
        str(error.filename or root), f"cannot be moved within the spool: {error.strerror}", fix_for(error)
    )
