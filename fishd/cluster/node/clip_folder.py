"""Where a worker on a node writes its clips, until the driver has fetched them.

The folder is locked as long as its process lives. A killed actor cannot remove its own; the next one on the
node does.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from fishd.cluster.translate import file_name


class ClipFolder:
    """A new folder below `parent`. Raises OSError."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(parent):  # no other actor sees ours before it is locked
            for folder in parent.iterdir():
                _remove_if_abandoned(folder)
            self._folder = Path(tempfile.mkdtemp(dir=parent))
            self._lock = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._numbers = itertools.count()

    def new_path(self, name: str) -> Path:
        """A path of its own for each take, also of the same clip."""
        return self._folder / f"{next(self._numbers)}-{file_name(name)}"

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_if_abandoned(folder: Path) -> None:
    with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_NB):  # else its process lives
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, flags: int = 0) -> Generator[None]:
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(fd)
