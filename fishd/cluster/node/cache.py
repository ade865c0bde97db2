"""A node's folder: reference clips by content, and what engines learn of voices.

All workers of one user on a node share it. A clip is complete or not there; the least recently used ones are
removed above a limit, but none that was used within the last hour.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fishd.core.model.hashes import content_hasher

MAX_BYTES = 2 * 2**30
KEEP_S = 3600.0


class BadTransfer(Exception):  # noqa: N818 - reads as what it is
    """What arrived is not the clip of that name."""


def node_folder() -> Path:
    """Created, and nobody else's. Raises OSError."""
    folder = Path(tempfile.gettempdir(), f"fishd-node-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; remove it, or set TMPDIR for `ray start`")
    return folder


class ReferenceCache:
    """The reference clips in a folder, by name: HASH.SUFFIX."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES, keep_s: float = KEEP_S) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_s = keep_s

    def path(self, name: str) -> Path:
        return self._folder / name

    def use(self, name: str) -> bool:
        """Whether the clip is here; it then counts as used now."""
        try:
            os.utime(self.path(name))
        except FileNotFoundError:
            return False
        return True

    def open(self, name: str) -> IncomingReference:
        """Begin to receive a clip. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return IncomingReference(self.path(name))

    def remove_unused(self) -> None:
        """Remove the least recently used clips above the limit, and what broken transfers left."""
        before, size = time.time() - self._keep_s, 0
        for used_at, size_bytes, path in sorted(self._files(), reverse=True):
            size += size_bytes
            if used_at < before and (size > self._max_bytes or path.name.startswith(".")):
                with suppress(OSError):
                    path.unlink()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.iterdir():
            with suppress(OSError):  # another worker may have removed it
                found = path.stat()
                yield found.st_mtime, found.st_size, path


class IncomingReference:
    """A clip that arrives chunk by chunk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{secrets.token_hex(8)}.part")
        self._hasher = content_hasher()

    def write(self, chunk: bytes) -> None:
        """Append. Raises OSError."""
        with self._part.open("ab") as file:
            file.write(chunk)
        self._hasher.update(chunk)

    def finish(self) -> None:
        """Put the clip in its place. Raises BadTransfer if it is not what its name says, and OSError."""
        if self._hasher.hexdigest() != self._path.stem:
            raise BadTransfer(f"{self._path.name} arrived with other content")
        self._part.replace(self._path)

    def discard(self) -> None:
        self._part.unlink(missing_ok=True)
