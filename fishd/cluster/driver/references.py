"""Reference clips as objects of Ray's object store, which takes them to the nodes that ask for them.

A clip is put in chunks, so that no process holds a large one whole. The store keeps the objects while they
are referenced here: the most recently wanted ones.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
        self._names: OrderedDict[str, str] = OrderedDict()  # by path: the daemon's copies never change
        self._paths: dict[str, Path] = {}  # by name
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._putting = asyncio.Lock()

    async def name(self, path: str) -> str:
        """The name under which the file travels. Raises OSError."""
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = await asyncio.to_thread(_name, Path(path))
            self._paths[name] = Path(path)
            if len(self._names) > MAX_KNOWN:
                _, forgotten = self._names.popitem(last=False)
                self._paths.pop(forgotten, None)
        self._names.move_to_end(path)
        return name

    async def chunks(self, name: str) -> tuple[Any, ...]:
        """References to the content of a file named before. Raises OSError and RayError."""
        async with self._putting:  # one file at a time: memory
            kept = self._kept.get(name)
            if kept is None:
                path = self._paths.get(name, Path(name))
                kept = self._kept[name] = await asyncio.to_thread(self._put_all, path)
            self._kept.move_to_end(name)
            while (
                len(self._kept) > 1 and sum(k.size_bytes for k in self._kept.values()) > self._max_kept_bytes
            ):
                self._kept.popitem(last=False)
            return kept.chunks

    def _put_all(self, path: Path) -> _Kept:
        return _Kept(path.stat().st_size, tuple(self._put(chunk) for chunk in _chunks(path)))


def _name(path: Path) -> str:
    hasher = content_hasher()
    for chunk in _chunks(path):
        hasher.update(chunk)
    return reference_name(hasher.hexdigest(), str(path))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
