"""Every call that changes the spool, in one object: tests pass one that stops at step k or fails.

A failed fsync means that the kernel has thrown pages away and will call the next fsync a success: the
same descriptor is never asked twice. `write` unlinks what it could not sync, so that it is written anew.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from fishd.spool.durable.syscalls import rename_noreplace
from fishd.spool.names import numbered


class Disk:
    """The real disk."""

    def make_folder(self, path: Path) -> None:
        """Raise FileExistsError if there is anything of that name."""
        path.mkdir(mode=0o755)

    def write(self, path: Path, content: bytes) -> None:
        """A new file with this content, on the disk when this returns (its name needs its folder's sync)."""
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
        """Add to a file that is open for appending."""
        write_all(fd, content)

    def sync(self, fd: int) -> None:
        """Force a file to the disk. Never again for this descriptor if it raises."""
        os.fsync(fd)

    def stage(self, files: Mapping[Path, bytes], folders: Sequence[Path]) -> None:
        """Write new files; these and the names in the folders are on the disk when this returns.

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
        """Force files that were appended to, and the names in folders, to the disk."""
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

    def rename(self, source: Path, target: Path) -> None:
        """Raise FileExistsError rather than replace anything."""
        rename_noreplace(source, target)

    def remove_file(self, path: Path) -> None:
        """Remove one file or link."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove one empty folder."""
        path.rmdir()

    def close(self) -> None:
        """Give back what it holds open."""


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

    Everything is taken apart in a hidden folder beside it, every sub-folder from depth one. There nobody but
    us can swap a folder for a link between a look and a step: its owner may still try in the old place. A
    crash leaves that hidden folder, which `recover` and `expire_archive` remove in their turn.
    """
    apart = folder.with_name(f".removing-{secrets.token_hex(8)}")
    disk.make_folder(apart)
    waiting = [_take_apart(disk, folder, apart / "0")]
    number = 0
    while waiting:
        here = waiting.pop()
        if here is None:
            continue
        for below in _remove_files(disk, here):
            number += 1
            waiting.append(_take_apart(disk, below, apart / str(number)))
        disk.remove_folder(here)
    disk.remove_folder(apart)


def _take_apart(disk: Disk, folder: Path, to: Path) -> Path | None:
    """Move a folder to where its name is ours; None if something else was swapped in, which is removed."""
    unlock(folder)
    disk.rename(folder, to)
    if to.is_dir() and not to.is_symlink():
        unlock(to)
        return to
    disk.remove_file(to)
    return None


def _remove_files(disk: Disk, folder: Path) -> Iterator[Path]:
    """Remove the files of a folder; yield its sub-folders, which the caller takes away at once."""
    while True:
        with os.scandir(folder) as entries:
            found = list(islice(entries, 10_000))  # a folder may hold a million
        if not found:
            return
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            else:
                disk.remove_file(Path(entry.path))


def unlock(folder: Path) -> None:
    """Give ourselves the rights to a folder, but not to what a link in its place leads to."""
    if os.access(folder, os.R_OK | os.W_OK | os.X_OK, follow_symlinks=False):
        return
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(0o700)
    finally:
        os.close(fd)


def create(path: Path) -> int:
    """Open a file that must not exist yet."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def write_all(fd: int, content: bytes) -> None:
    """write(2) may take only a part."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
