"""A disk that crashes the process before a given step, for tests that crash at every step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from fishd.spool.durable.disk import Disk, create


class CrashDisk(Disk):
    """Counts every call that changes the spool, and calls `crash` before step number `last`.

    A write or an append is two steps, with half of the content after the first. Nothing is synced: that
    matters only to a power cut.
    """

    def __init__(self, last: int | None, crash: Callable[[], object]) -> None:
        self.steps = 0
        self._last = last
        self._crash = crash
        self._lock = threading.Lock()

    def _step(self) -> None:
        with self._lock:
            if self.steps == self._last:
                self._crash()
            self.steps += 1

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def write(self, path: Path, content: bytes) -> None:
        self._step()
        fd = create(path)
        try:
            self._write_torn(fd, content)
        finally:
            os.close(fd)

    def append(self, fd: int, content: bytes) -> None:
        self._step()
        self._write_torn(fd, content)

    def _write_torn(self, fd: int, content: bytes) -> None:
        os.write(fd, content[: len(content) // 2])
        self._step()
        os.write(fd, content[len(content) // 2 :])

    def sync(self, fd: int) -> None:
        self._step()

    def sync_folder(self, path: Path) -> None:
        self._step()

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def exchange(self, one: Path, other: Path) -> None:
        self._step()
        super().exchange(one, other)

    def link(self, source: Path, target: Path) -> None:
        self._step()
        super().link(source, target)

    def remove_file(self, path: Path) -> None:
        self._step()
        super().remove_file(path)

    def remove_folder(self, path: Path) -> None:
        self._step()
        super().remove_folder(path)
