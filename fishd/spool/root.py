"""The spool's root: its four folders, the lock of its one owner, and a check that renames work."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fishd.spool.durable.disk import Disk
from fishd.spool.durable.syncfs import SyncfsDisk, supports_syncfs
from fishd.spool.errors import SpoolBusy, SpoolError, fix_for

FOLDERS = ("inbox", "work", "outbox", "archive")
LOCK = "fishd.lock"
PROBE = ".fishd-probe"


@dataclass(frozen=True, slots=True)
class Spool:
    """An open spool: the lock is held until `close`, or until the process ends.

    `disk` is the fastest durable way to write to it: pass it to Inbox, Journal, publish_all, finish.
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
    def takes(self) -> Path:
        """What was spoken for results that were assembled from it, a folder each."""
        return self.root / ".takes"

    @property
    def status_path(self) -> Path:
        return self.root / "status.json"

    def close(self) -> None:
        """Release the spool."""
        self.disk.close()
        os.close(self.lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_spool(root: Path) -> Spool:
    """Create the folders, take the lock, check the renames. Raises SpoolError, SpoolBusy."""
    root = root.absolute()
    make_folders(root)
    lock_fd = _lock(root)
    try:
        check_renames(root)
    except BaseException:
        os.close(lock_fd)
        raise
    return Spool(root, lock_fd, SyncfsDisk(root) if supports_syncfs(root) else Disk())


def make_folders(root: Path) -> None:
    """Create the root and its four folders where they are missing. Raises SpoolError."""
    for folder in (root, *(root / name for name in FOLDERS)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise SpoolError(str(folder), "is a file, not a folder", "move it away") from error
        except OSError as error:
            raise SpoolError(str(folder), f"cannot be created: {error.strerror}", fix_for(error)) from error
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SpoolError(str(folder), "fishd cannot read and write there", f"chown or chmod {folder}")


def check_renames(root: Path) -> None:
    """Rename an empty folder along the path that a job takes. Raises SpoolError."""
    places = {name: root / name / PROBE for name in FOLDERS}
    for place in places.values():
        with suppress(OSError):  # left by a crash
            place.rmdir()
    probe = places["inbox"]
    try:
        probe.mkdir()
        for name in ("work", "outbox", "work", "archive"):
            probe = probe.rename(places[name])
    except OSError as error:
        raise rename_error(root, error) from error
    finally:
        with suppress(OSError):
            probe.rmdir()


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
    with suppress(OSError):  # on a full disk the lock holds without its owner's pid
        path.write_bytes(b"%d\n" % os.getpid())
    return fd


def rename_error(root: Path, error: OSError) -> SpoolError:
    """Why a rename within the spool failed."""
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
