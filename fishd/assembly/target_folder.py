"""The folder that everything is written into: new files, all on the disk before the result is told.

The caller renames the folder, so files are written under their own names.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import file_digest
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from fishd.assembly.faults import AssemblyError
from fishd.core.model.hashes import content_hash, content_hasher
from fishd.wire.assembly import WrittenFile

_SYNC_THREADS = 8  # fsyncs that wait together share a commit of the file system's journal
_MAX_UNSYNCED = 64  # files that are open until they are synced


class TargetFolder:
    """Creates the folder and files below it. Raises OSError as the disk does, at the latest in `sync`.

    An fsync waits in a thread for the disk while the next file is made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError as error:
            raise AssemblyError("request", str(folder), "exists already; remove it first") from error
        self._folder = folder
        self._threads = ThreadPoolExecutor(_SYNC_THREADS)
        # What is written; the folders that hold it; the fsyncs that have not ended.
        self.files: list[WrittenFile] = []
        self._folders = {folder}
        self._syncs: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        if isinstance(error, OSError) and error.filename is None:  # as it is for a write
            error.filename = str(self._folder)

    def write(self, path: str, content: bytes | memoryview, duration_s: float | None = None) -> None:
        """A small file at once."""
        file = self._make_room(path).open("xb")
        file.write(content)
        self._sync_later(file)
        self.files.append(WrittenFile(path, len(content), content_hash(content), duration_s))

    def link(self, source: Path, path: str, duration_s: float) -> None:
        """The same file under another name, or a copy where the file system has no hard links."""
        content = source.read_bytes()
        try:
            os.link(source, self._make_room(path))
        except OSError:
            self.write(path, content, duration_s)
        else:
            self.files.append(WrittenFile(path, len(content), content_hash(content), duration_s))

    def create(self, path: str) -> BufferedRandom:
        """A new file for reading, writing and seeking; to be given to `finish`."""
        return self._make_room(path).open("x+b")

    def finish(self, file: BufferedRandom, path: str, duration_s: float) -> None:
        """Sync a file that was made by `create`."""
        file.flush()
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest = file_digest(file, content_hasher).hexdigest()
        self._sync_later(file)
        self.files.append(WrittenFile(path, size_bytes, digest, duration_s))

    def sync(self) -> None:
        """All files and their names are on the disk when this returns."""
        while self._syncs:
            self._syncs.popleft().result()
        for folder in self._folders:
            _sync_folder(folder)
        self._threads.shutdown()

    def _make_room(self, path: str) -> Path:
        target = self._folder / path
        for folder in reversed(target.relative_to(self._folder).parents):
            if self._folder / folder not in self._folders:
                (self._folder / folder).mkdir()
                self._folders.add(self._folder / folder)
        return target

    def _sync_later(self, file: BinaryIO) -> None:
        file.flush()
        self._syncs.append(self._threads.submit(_sync_and_close, file))
        while len(self._syncs) > _MAX_UNSYNCED or (self._syncs and self._syncs[0].done()):
            self._syncs.popleft().result()


def _sync_and_close(file: BinaryIO) -> None:
    with file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
