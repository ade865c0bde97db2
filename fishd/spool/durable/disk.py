"""Every call that changes the spool, in one object: tests pass one that fails or crashes at a given call.

After a failed fsync the kernel may have dropped the pages, and reports the next fsync of that descriptor as a
success: it is never retried. `write` unlinks a file that it could not sync, so that it is written again.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from fishd.spool.durable.syscalls import rename_exchange, rename_noreplace
from fishd.spool.names import numbered

REMOVING = ".removing-"  # how the hidden folders of `remove_tree` begin


class Disk:
    """The real disk."""

    def make_folder(self, path: Path) -> None:
        """Raises FileExistsError if the name is taken."""
        path.mkdir(mode=0o755)

    def write(self, path: Path, content: bytes) -> None:
        """Create a file and force it to the disk; its name needs a sync of its folder."""
        fd = create(path)
        try:
            write_all(fd, content)
            self.sync(fd)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)

    def append(self, fd: int, content: bytes) -> None:
        """Write to a file that is open for appending."""
        write_all(fd, content)

    def sync(self, fd: int) -> None:
        """Force a file to the disk. Not to be retried for this descriptor if it raises."""
        os.fsync(fd)

    def stage(self, files: Mapping[Path, bytes], folders: Sequence[Path]) -> None:
        """Create files and force them, and the names in the folders, to the disk.

        If it raises, none of the files is left.
        """
        written: list[Path] = []
        try:
            for path, content in files.items():
                self.write(path, content)
                written.append(path)
            self.sync_folders(folders)
        except OSError:
            for path in written:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise

    def sync_files(self, fds: Sequence[int], folders: Sequence[Path]) -> None:
        """Force open files, and the names in folders, to the disk."""
        for fd in fds:
            self.sync(fd)
        self.sync_folders(folders)

    def sync_folders(self, paths: Sequence[Path]) -> None:
        """Force the names in several folders to the disk."""
        for path in paths:
            self.sync_folder(path)

    def sync_folder(self, path: Path) -> None:
        """Force the names in a folder to the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_tree(self, folder: Path) -> None:
        """Force a folder that another process has filled, and everything in it, to the disk."""
        for path, _, names in os.walk(folder):
            for name in names:
                fd = os.open(Path(path, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    self.sync(fd)
                finally:
                    os.close(fd)
            self.sync_folder(Path(path))

    def rename(self, source: Path, target: Path) -> None:
        """Raises FileExistsError rather than replace anything."""
        rename_noreplace(source, target)

    def exchange(self, one: Path, other: Path) -> None:
        """Let two paths change places in one step. Raises OSError, UNKNOWN_CALL where that is impossible."""
        rename_exchange(one, other)

    def link(self, source: Path, target: Path) -> None:
        """Give a file, which is on the disk, a second name; a copy where it can have no link there."""
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV):
                raise
            self.write(target, source.read_bytes())

    def remove_file(self, path: Path) -> None:
        """Remove one file or link."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove one empty folder."""
        path.rmdir()

    def close(self) -> None:
        """Release what it holds open."""


def rename_to_free(disk: Disk, source: Path, folder: Path, name: str, ending: str = "") -> Path:
    """Rename `source` into `folder` as NAME, or as the first of NAME-2, NAME-3, … that is free."""
    number = 1
    while True:
        target = folder / f"{numbered(name, number)}{ending}"
        try:
            disk.rename(source, target)
        except FileExistsError:
            number += 1
        else:
            return target


def remove_tree(disk: Disk, folder: Path) -> None:
    """Remove a folder, however deep or wide: no recursion, one open folder at a time, links never followed.

    Every sub-folder is first moved into a hidden folder beside it. There its owner can no longer swap it for
    a link between the check and the removal. A crash leaves that hidden folder (REMOVING…), which recovery
    and `expire` remove.
    """
    hidden = folder.with_name(f"{REMOVING}{secrets.token_hex(8)}")
    disk.make_folder(hidden)
    pending = [_move_aside(disk, folder, hidden / "0")]
    number = 0
    while pending:
        current = pending.pop()
        if current is None:
            continue
        for child in _remove_files(disk, current):
            number += 1
            pending.append(_move_aside(disk, child, hidden / str(number)))
        disk.remove_folder(current)
    disk.remove_folder(hidden)


def _move_aside(disk: Disk, folder: Path, target: Path) -> Path | None:
    """Move a folder to a path that only we know; None if something else was swapped in, which is removed."""
    unlock(folder)
    disk.rename(folder, target)
    if target.is_dir() and not target.is_symlink():
        unlock(target)
        return target
    disk.remove_file(target)
    return None


def _remove_files(disk: Disk, folder: Path) -> Iterator[Path]:
    """Remove the files of a folder; yield its sub-folders, which the caller must move away at once."""
    while True:
        with os.scandir(folder) as entries:
            batch = list(islice(entries, 10_000))  # a folder may hold a million
        if not batch:
            return
        for entry in batch:
            if entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            else:
                disk.remove_file(Path(entry.path))


def unlock(folder: Path) -> None:
    """Give ourselves access to a folder, but not to the target of a link in its place."""
    if os.access(folder, os.R_OK | os.W_OK | os.X_OK, follow_symlinks=False):
        return
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(0o700)
    finally:
        os.close(fd)


def create(path: Path) -> int:
    """Create a file and open it for writing. Raises FileExistsError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def write_all(fd: int, content: bytes) -> None:
    """Write all of it: write(2) may write only a part."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
