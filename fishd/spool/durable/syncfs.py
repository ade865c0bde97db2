"""Many syncs for the price of one: syncfs(2) instead of an fsync for each file and folder.

A job's publish forces some twelve files and folders to the disk. On ext4 each fsync is a commit of the
journal; one syncfs commits them all, and publishes that wait at the same moment share it. It also writes
whatever else is unwritten on the file system, so it is used only while that is little; and only where
syncfs reports lost writes (Linux 5.8) and means what fsync does. Otherwise: Disk, one fsync each.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fishd.spool.durable.disk import Disk, create, write_all
from fishd.spool.durable.syscalls import libc, os_error

EXT4, XFS, TMPFS = 0xEF53, 0x58465342, 0x01021994  # f_type of statfs(2), from <linux/magic.h>
OLDEST_LINUX = (5, 8)
LITTLE_BYTES = 1 << 30  # unwritten pages of the whole machine: some seconds of writing, and only once


class SyncfsDisk(Disk):
    """A disk whose stage and sync_folders are one syncfs each. For many threads at once."""

    def __init__(
        self,
        root: Path,
        syncfs: Callable[[int], None] | None = None,
        unwritten: Callable[[], int] | None = None,
    ) -> None:
        """Hold the root open: a lost write is reported once to each descriptor that was open before it."""
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._flush = _Flush(fd, syncfs or sync_file_system)
        self._unwritten = unwritten or unwritten_bytes

    def stage(self, files: Mapping[Path, bytes], folders: Sequence[Path]) -> None:
        if self._unwritten() > LITTLE_BYTES:
            super().stage(files, folders)
            return
        try:
            for path, content in files.items():
                _write(path, content)
            self._flush.now()
        except BaseException:
            for path in files:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise

    def sync_files(self, fds: Sequence[int], folders: Sequence[Path]) -> None:
        if self._unwritten() > LITTLE_BYTES:
            super().sync_files(fds, folders)
        elif len(fds) == 1 and not folders:
            self.sync(fds[0])  # an fsync of a small file is the cheaper
        else:
            self._flush.now()

    def sync_folders(self, paths: Sequence[Path]) -> None:
        if self._unwritten() > LITTLE_BYTES:
            super().sync_folders(paths)
        else:
            self._flush.now()

    @property
    def num_asked(self) -> int:
        """How often a sync was asked for; many may have been served by one."""
        return self._flush.num_asked

    def close(self) -> None:
        self._flush.close()


class _Flush:
    """syncfs, shared: one that starts after a caller came serves that caller, and all others who wait."""

    def __init__(self, fd: int, syncfs: Callable[[int], None]) -> None:
        self._fd = fd
        self._syncfs = syncfs
        self._count = threading.Lock()  # of the three numbers below
        self._one_at_a_time = threading.Lock()
        self.num_asked = 0
        self._served = 0
        self._failed: dict[int, int] = {}  # caller -> errno, until that caller has heard of it

    def now(self) -> None:
        """Everything written before this call is on the disk when it returns. Raises OSError."""
        with self._count:
            self.num_asked += 1
            mine = self.num_asked
        with self._one_at_a_time:
            if mine > self._served:
                self._serve()
            code = self._failed.pop(mine, 0)
        if code:
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        os.close(self._fd)

    def _serve(self) -> None:
        with self._count:
            until = self.num_asked
        try:
            self._syncfs(self._fd)
        except OSError as error:  # the kernel says it once: everybody who is served must hear it
            self._failed |= dict.fromkeys(range(self._served + 1, until + 1), error.errno or errno.EIO)
        self._served = until


def can_flush(root: Path) -> bool:
    """Whether syncfs on this file system is as good as fsync."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or tuple(map(int, release.groups())) < OLDEST_LINUX:
        return False
    return _file_system(root) in (EXT4, XFS, TMPFS)


def sync_file_system(fd: int) -> None:
    """syncfs(2)."""
    if libc().syncfs(fd) != 0:
        raise os_error("syncfs")


def unwritten_bytes() -> int:
    """What the machine has yet to write to its disks; without /proc, too much."""
    try:
        text = Path("/proc/meminfo").read_bytes()
    except OSError:
        return LITTLE_BYTES + 1
    return sum(int(kib) << 10 for kib in re.findall(rb"^(?:Dirty|Writeback):\s+(\d+) kB", text, re.MULTILINE))


def _file_system(root: Path) -> int:
    facts = (ctypes.c_long * 32)()  # struct statfs begins with f_type and is 120 bytes long
    if libc().statfs(os.fsencode(root), ctypes.byref(facts)) != 0:
        raise os_error(str(root))
    return int(facts[0])


def _write(path: Path, content: bytes) -> None:
    fd = create(path)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)
