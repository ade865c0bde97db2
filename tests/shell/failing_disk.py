"""A disk on which calls fail, as on a full or broken one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fishd.spool.durable.disk import Disk


class FailingDisk(Disk):
    """Fails `times` calls of one method, after `skip` calls that succeed. A failed append is torn."""

    def __init__(self, call: str, times: int = 1, skip: int = 0) -> None:
        self._call = call
        self._times = times
        self._skip = skip

    def _is_failing(self, call: str) -> bool:
        if call != self._call or not self._times:
            return False
        if self._skip:
            self._skip -= 1
            return False
        self._times -= 1
        return True

    def _may_fail(self, call: str) -> None:
        if self._is_failing(call):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, path: Path, content: bytes) -> None:
        self._may_fail("write")
        super().write(path, content)

    def append(self, fd: int, content: bytes) -> None:
        if self._is_failing("append"):
            os.write(fd, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(fd, content)

    def sync(self, fd: int) -> None:
        self._may_fail("sync")
        super().sync(fd)

    def sync_folder(self, path: Path) -> None:
        self._may_fail("sync_folder")
        super().sync_folder(path)

    def rename(self, source: Path, target: Path) -> None:
        self._may_fail("rename")
        super().rename(source, target)

    def remove_file(self, path: Path) -> None:
        self._may_fail("remove_file")
        super().remove_file(path)
