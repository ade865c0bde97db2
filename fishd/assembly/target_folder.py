"""The folder that everything is written into: new files, which the daemon forces to the disk afterwards.

The caller renames the folder, so files are written under their own names.
"""

from __future__ import annotations

import os
from hashlib import file_digest
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Self

from fishd.assembly.faults import AssemblyError
from fishd.core.model.hashes import content_hash, content_hasher
from fishd.wire.assembly import WrittenFile


class TargetFolder:
    """Creates the folder and files below it. Raises OSError as the disk does."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError as error:
            raise AssemblyError("request", str(folder), "exists already; remove it first") from error
        self._folder = folder
        # What is written, and the folders that hold it.
        self.files: list[WrittenFile] = []
        self._folders = {folder}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and error.filename is None:  # as it is for a write
            error.filename = str(self._folder)

    def write(self, path: str, content: bytes | memoryview, duration_s: float | None = None) -> None:
        """A small file at once."""
        with self._make_room(path).open("xb") as file:
            file.write(content)
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
        """Close a file that was made by `create`."""
        with file:
            size_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            digest = file_digest(file, content_hasher).hexdigest()
        self.files.append(WrittenFile(path, size_bytes, digest, duration_s))

    def _make_room(self, path: str) -> Path:
        target = self._folder / path
        for folder in reversed(target.relative_to(self._folder).parents):
            if self._folder / folder not in self._folders:
                (self._folder / folder).mkdir()
                self._folders.add(self._folder / folder)
        return target
