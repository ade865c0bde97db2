"""One syncfs(2) instead of an fsync for each file and folder.

Publishing a job forces about twelve files and folders to the disk. On ext4 each fsync is a commit of the
file system's journal; one syncfs commits them all, and publishes that wait at the same time share it. It
also writes whatever else is dirty on the file system, so it is used only while that is little, and only
where syncfs reports lost writes (Linux 5.8) and guarantees what fsync does. Otherwise: Disk, one fsync each.
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
MAX_DIRTY_BYTES = 1 << 30  # dirty pages of the whole machine: seconds of writing, and only once


class SyncfsDisk(Disk):
    """A disk whose stage, sync_files, sync_folders and sync_tree are one syncfs each. Thread-safe."""

    def __init__(
        self,
        root: Path,
        syncfs: Callable[[int], None] | None = None,
        dirty_bytes: Callable[[], int] | None = None,
    ) -> None:
        """Keeps `root` open: a lost write is reported once to each descriptor that was open before it."""
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._syncfs = _SharedSyncfs(fd, syncfs or sync_file_system)
        self._dirty_bytes = dirty_bytes or dirty_memory_bytes

    def stage(self, files: Mapping[Path, bytes], folders: Sequence[Path]) -> None:
        if self._dirty_bytes() > MAX_DIRTY_BYTES:
            super().stage(files, folders)
            return
        try:
            for path, content in files.items():
                _write(path, content)
            self._syncfs.run()
        except BaseException:
            for path in files:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise

    def sync_files(self, fds: Sequence[int], folders: Sequence[Path]) -> None:
        if self._dirty_bytes() > MAX_DIRTY_BYTES:
            super().sync_files(fds, folders)
        elif len(fds) == 1 and not folders:
            self.sync(fds[0])  # one fsync of a small file costs less
        else:
            self._syncfs.run()

    def sync_folders(self, paths: Sequence[Path]) -> None:
        if self._dirty_bytes() > MAX_DIRTY_BYTES:
            super().sync_folders(paths)
        else:
            self._syncfs.run()

    def sync_tree(self, folder: Path) -> None:
        if self._dirty_bytes() > MAX_DIRTY_BYTES:
            super().sync_tree(folder)
        else:
            self._syncfs.run()

    @property
    def num_requests(self) -> int:
        """How often a sync was requested; one syncfs may serve many requests."""
        return self._syncfs.num_requests

    def close(self) -> None:
        self._syncfs.close()


class _SharedSyncfs:
    """A syncfs serves every request that was made before it started."""

    def __init__(self, fd: int, syncfs: Callable[[int], None]) -> None:
        self._fd = fd
        self._syncfs = syncfs
        self._running = threading.Lock()  # one syncfs at a time; guards what follows
        self._num_served = 0
        self._failed: dict[int, int] = {}  # request number -> errno, until its caller takes it
        self._counting = threading.Lock()
        self.num_requests = 0

    def run(self) -> None:
        """Force everything written before this call to the disk. Raises OSError."""
        with self._counting:
            self.num_requests += 1
            number = self.num_requests
        with self._running:
            if number > self._num_served:
                self._serve()
            code = self._failed.pop(number, 0)
        if code:
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        os.close(self._fd)

    def _serve(self) -> None:
        with self._counting:
            last = self.num_requests
        try:
            self._syncfs(self._fd)
        except OSError as error:  # the kernel reports it once, but it concerns every request that is served
            self._failed |= dict.fromkeys(range(self._num_served + 1, last + 1), error.errno or errno.EIO)
        self._num_served = last


def supports_syncfs(root: Path) -> bool:
    """Whether syncfs on this file system guarantees what fsync does."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or tuple(map(int, release.groups())) < OLDEST_LINUX:
        return False
    return _file_system(root) in (EXT4, XFS, TMPFS)


def sync_file_system(fd: int) -> None:
    """syncfs(2)."""
    if libc().syncfs(fd) != 0:
        raise os_error("syncfs")


def dirty_memory_bytes() -> int:
    """What the machine has not yet written to its disks; without /proc, more than MAX_DIRTY_BYTES."""
    try:
        text = Path("/proc/meminfo").read_bytes()
    except OSError:
        return MAX_DIRTY_BYTES + 1
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
