"""Private copies of reference clips: what was checked is what is spoken from.

A bundle's owner may change it at any moment, also between a look and a take. So a clip is copied as it is
hashed, and workers open the copy. The daemon's copies are kept by content: a speaker who comes with every
job is on the disk once, and a small job neither makes nor removes a file for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fishd.core.model.limits import MIB
from fishd.spool.durable.confined_fs import pieces
from fishd.spool.durable.disk import Disk, create, remove_tree, write_all
from fishd.spool.errors import disk_error

MOST_BYTES = 2048 * MIB  # of copies that no job in work needs any more
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")  # of a stranger's file name, as far as a decoder looks at it


@dataclass(frozen=True, slots=True)
class StoredReference:
    """The hash of a clip's bytes, how many they are, and the file that holds them from now on."""

    digest: bytes
    size_bytes: int
    file: Path


class ReferenceCopies(Protocol):
    """Where a reader puts clips."""

    def keep(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        """Take an open file, `path` below the bundle. Raises Refused, or SpoolError for our own disk."""
        ...


@dataclass(frozen=True, slots=True)
class InPlace:
    """No copies: who only looks needs none. `folder` is the bundle."""

    folder: Path

    def keep(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return StoredReference(*_copy(fd, limit_bytes, None), self.folder / path)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Copies in a folder of ours, each under its own path."""

    folder: Path

    def keep(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return StoredReference(*_copy(fd, limit_bytes, self.folder / path), self.folder / path)


class ReferenceStore:
    """One daemon's copies. `keep` is called by one thread, `release` by another.

    It begins empty: what an earlier life left may have been torn by a power cut.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """Raises SpoolError if the folder cannot be made or emptied."""
        self._folder = folder
        self._most_bytes = most_bytes
        try:
            if folder.exists():
                remove_tree(Disk(), folder)
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise disk_error(str(folder), "cannot be emptied", error) from error
        # The mutable state: each copy's size, the longest unused first; which jobs in work need it.
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}
        self._needed: dict[str, set[Path]] = {}

    def of(self, job: str) -> ReferenceCopies:
        """What is kept through this is there until the job is released."""
        return _Lease(job, self._keep)

    def release(self, job: str) -> None:
        """It is over, and nothing is spoken for it any more."""
        with self._lock:
            self._needed.pop(job, None)

    def _keep(self, job: str, path: str, fd: int, limit_bytes: int) -> StoredReference:
        digest, size_bytes = _copy(fd, limit_bytes, None)
        file = self._file(digest, path)
        if not self._is_there(job, file):
            os.lseek(fd, 0, os.SEEK_SET)
            digest, size_bytes, file = self._take(path, fd, limit_bytes)
            self._add(job, file, size_bytes)
        return StoredReference(digest, size_bytes, file)

    def _take(self, path: str, fd: int, limit_bytes: int) -> tuple[bytes, int, Path]:
        """The copy's own hash decides: the file may have changed since it was looked at."""
        new = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            digest, size_bytes = _copy(fd, limit_bytes, new)
            file = self._file(digest, path)
            try:
                new.rename(file)
            except OSError as error:
                raise disk_error(str(file), "cannot be made", error) from error
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        return digest, size_bytes, file

    def _file(self, digest: bytes, path: str) -> Path:
        suffix = Path(path).suffix.lower()
        return self._folder / f"{digest.hex()}{suffix if SUFFIX.fullmatch(suffix) else ''}"

    def _is_there(self, job: str, file: Path) -> bool:
        with self._lock:
            if file not in self._sizes or not file.exists():  # somebody may tidy up under a running daemon
                return False
            self._sizes[file] = self._sizes.pop(file)
            self._needed.setdefault(job, set()).add(file)
            return True

    def _add(self, job: str, file: Path, size_bytes: int) -> None:
        with self._lock:
            self._sizes.pop(file, None)
            self._sizes[file] = size_bytes
            self._needed.setdefault(job, set()).add(file)
            for old in list(self._to_go()):
                del self._sizes[old]
                with suppress(OSError):
                    old.unlink(missing_ok=True)

    def _to_go(self) -> Iterator[Path]:
        needed = set[Path]().union(*self._needed.values())
        free = {file: size for file, size in self._sizes.items() if file not in needed}
        too_many_bytes = sum(free.values()) - self._most_bytes
        for file, size in free.items():
            if too_many_bytes <= 0:
                return
            too_many_bytes -= size
            yield file


@dataclass(frozen=True, slots=True)
class _Lease:
    job: str
    _keep: Callable[[str, str, int, int], StoredReference]

    def keep(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return self._keep(self.job, path, fd, limit_bytes)


def _copy(fd: int, limit_bytes: int, target: Path | None) -> tuple[bytes, int]:
    """Hash an open file; what is hashed is what is copied."""
    digest, size_bytes = hashlib.blake2b(digest_size=32), 0
    new = -1 if target is None else _create_anew(target)
    try:
        for piece in pieces(fd, limit_bytes):
            digest.update(piece)
            size_bytes += len(piece)
            if target is not None:
                _write(new, piece, target)
    finally:
        if new >= 0:
            os.close(new)
    return digest.digest(), size_bytes


def _create_anew(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return create(path)
    except OSError as error:
        raise disk_error(str(path), "cannot be made", error) from error


def _write(fd: int, piece: bytes, path: Path) -> None:
    try:
        write_all(fd, piece)
    except OSError as error:
        raise disk_error(str(path), "cannot be written", error) from error
