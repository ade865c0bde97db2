"""Writes the clips that come back from the nodes: complete and fsynced, or not at all.

As in a worker, a clip that a full or failing disk refuses is kept, where it is, and fetched again.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from fishd.core.model.hashes import content_hasher
from fishd.core.transient_errors import is_transient
from fishd.wire.messages import ClipWritten

CHUNK_BYTES = 4 * 2**20
AT_ONCE = 8  # clips that are fetched at the same time, of all workers: this bounds the driver's memory
FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 5.0
MAX_DENIED = 60  # attempts in a folder that we may not write in: some minutes

Read = Callable[[str, int, int], Awaitable[bytes]]  # take, offset, size


class BadClipContent(Exception):  # noqa: N818 - reads as what it is
    """The bytes that arrived are not the clip that the worker wrote."""


class ClipFetcher:
    """Fetches clips, a few at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, read: Read, clip: ClipWritten, path: Path, on_errno: Callable[[int], None]) -> None:
        """Write the clip to `path`; `on_errno` is called after each attempt that the disk refused.

        Raises BadClipContent, OSError for what a retry cannot help, and what `read` raises.
        """
        failures = 0
        while True:
            try:
                async with self._places:
                    await self._fetch(read, clip, path)
            except OSError as error:
                failures += 1
                if not _should_retry(error, failures):
                    raise
                on_errno(error.errno or errno.EIO)
                await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** min(failures, 10), MAX_PAUSE_S))
            else:
                return

    async def _fetch(self, read: Read, clip: ClipWritten, path: Path) -> None:
        part = path.with_name(f".{path.name}.part")
        hasher, size_bytes = content_hasher(), 0
        try:
            while size_bytes < clip.size_bytes:
                chunk = await read(clip.take, size_bytes, CHUNK_BYTES)
                if not chunk:
                    break
                hasher.update(chunk)
                is_first, size_bytes = not size_bytes, size_bytes + len(chunk)
                is_last = size_bytes >= clip.size_bytes
                await asyncio.to_thread(_append, part, chunk, is_first=is_first, sync=is_last)
            _require(hasher.hexdigest() == clip.content_hash, size_bytes, clip)
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def _require(is_same: bool, size_bytes: int, clip: ClipWritten) -> None:
    if not is_same:
        raise BadClipContent(f"{size_bytes} of {clip.size_bytes} bytes arrived, or other ones")


def _append(part: Path, chunk: bytes, *, is_first: bool, sync: bool) -> None:
    """Blocking. Raises OSError."""
    if is_first:
        part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb" if is_first else "ab", buffering=0) as file:
        rest = memoryview(chunk)
        while rest:
            rest = rest[file.write(rest) :]
        if sync:
            os.fsync(file.fileno())


def _should_retry(error: OSError, failures: int) -> bool:
    is_denied = error.errno in (errno.EACCES, errno.EPERM)
    return is_transient(error) or (is_denied and failures < MAX_DENIED)
