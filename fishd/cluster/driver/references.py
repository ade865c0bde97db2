"""Reference clips as objects of Ray's object store, which takes them to the nodes that ask for them.

A clip is put in chunks, so that no process holds a large one whole. The store keeps the objects while they
are referenced here: the most recently wanted ones.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fishd.cluster.translate import reference_name
from fishd.core.model.hashes import content_hasher

CHUNK_BYTES = 4 * 2**20
MAX_KEPT_BYTES = 64 * 2**20  # a full object store spills to the disk
MAX_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class _Kept:
    size_bytes: int
    chunks: tuple[Any, ...]


class ReferenceObjects:
    """`put` stores bytes and returns Ray's reference to them; it may raise RayError."""

    def __init__(self, put: Callable[[bytes], Any], max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        self._put = put
        self._max_kept_bytes = max_kept_bytes
        # The mutable state.
        self._paths: OrderedDict[str, Path] = OrderedDict()  # by name
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._putting = asyncio.Lock()

    async def name(self, path: str) -> str:
        """The name under which the file travels. Raises OSError."""
        name = await asyncio.to_thread(_name, path)
        self._paths[name] = Path(path)
        self._paths.move_to_end(name)
        while len(self._paths) > MAX_KNOWN:
            self._paths.popitem(last=False)
        return name

    async def chunks(self, name: str) -> tuple[Any, ...]:
        """References to the content of a named file. Raises OSError and RayError."""
        async with self._putting:  # one file at a time: memory
            kept = self._kept.get(name)
            if kept is None:
                kept = self._kept[name] = await asyncio.to_thread(self._put_all, self._paths[name])
            self._kept.move_to_end(name)
            while (
                len(self._kept) > 1 and sum(k.size_bytes for k in self._kept.values()) > self._max_kept_bytes
            ):
                self._kept.popitem(last=False)
            return kept.chunks

    def _put_all(self, path: Path) -> _Kept:
        return _Kept(path.stat().st_size, tuple(self._put(chunk) for chunk in _chunks(path)))


def _name(path: str) -> str:
    found = Path(path).stat()
    return _name_of(path, found.st_mtime_ns, found.st_size)


@lru_cache(MAX_KNOWN)
def _name_of(path: str, _mtime_ns: int, _size_bytes: int) -> str:
    hasher = content_hasher()
    for chunk in _chunks(Path(path)):
        hasher.update(chunk)
    return reference_name(hasher.hexdigest(), path)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
