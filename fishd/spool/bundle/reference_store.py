"""Private copies of reference clips, so that the clip that was checked is the one that is spoken from.

A bundle's owner may change it at any moment, also between a check and a take. So a clip is copied as it is
hashed, and workers open the copy. The daemon's copies are stored by content: a speaker who comes with every
job is on the disk once, and a small job neither creates nor removes a file for it. Results get links to them:
they are synced, and nobody may write to them.
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
from fishd.spool.durable.confined_fs import chunks
from fishd.spool.durable.disk import Disk, create, remove_tree
from fishd.spool.errors import disk_error

MAX_UNUSED_BYTES = 2048 * MIB  # of copies that no job in work/ needs any more
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")  # as much of an untrusted file name as a decoder needs


@dataclass(frozen=True, slots=True)
class StoredReference:
    """The hash and the size of a clip, and the file that holds it from now on."""

    digest: bytes
    size_bytes: int
    file: Path


class ReferenceCopies(Protocol):
    """Where a reader stores clips."""

    def store(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        """Take an open file, `path` below the bundle. Raises Refused, or SpoolError for our own disk."""
        ...


@dataclass(frozen=True, slots=True)
class InPlace:
    """No copies, for a bundle that is only checked. `folder` is the bundle."""

    folder: Path

    def store(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return StoredReference(*_hash(fd, limit_bytes), self.folder / path)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Copies in a folder of ours, each under its own path."""

    folder: Path

    def store(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return StoredReference(*_copy(fd, limit_bytes, self.folder / path, Disk()), self.folder / path)


class ReferenceStore:
    """The daemon's copies. `store` is called by one thread, `release` by another.

    It starts empty: a power cut may have torn what an earlier process left.
    """

    def __init__(
        self, folder: Path, max_unused_bytes: int = MAX_UNUSED_BYTES, disk: Disk | None = None
    ) -> None:
        """Raises SpoolError if the folder cannot be created or emptied."""
        self._folder = folder
        self._max_unused_bytes = max_unused_bytes
        self._disk = disk or Disk()
        try:
            if folder.exists():
                remove_tree(self._disk, folder)
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise disk_error(str(folder), "cannot be emptied", error) from error
        # The mutable state: each copy's size, the least recently used first; which copies each job needs.
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}
        self._needed: dict[str, set[Path]] = {}

    def of(self, job: str) -> ReferenceCopies:
        """What is stored through this stays until the job is released."""
        return _JobCopies(job, self._store)

    def release(self, job: str) -> None:
        """The job is finished; its copies may be removed."""
        with self._lock:
            self._needed.pop(job, None)

    def _store(self, job: str, path: str, fd: int, limit_bytes: int) -> StoredReference:
        digest, size_bytes = _hash(fd, limit_bytes)
        file = self._file(digest, path)
        if not self._use(job, file):
            os.lseek(fd, 0, os.SEEK_SET)
            digest, size_bytes, file = self._add(path, fd, limit_bytes)
            self._use_new(job, file, size_bytes)
        return StoredReference(digest, size_bytes, file)

    def _add(self, path: str, fd: int, limit_bytes: int) -> tuple[bytes, int, Path]:
        """The hash of the copy counts: the file may have changed since it was hashed."""
        part = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            digest, size_bytes = _copy(fd, limit_bytes, part, self._disk)
            file = self._file(digest, path)
            try:
                part.chmod(part.stat().st_mode & 0o444)
                part.rename(file)
            except OSError as error:
                raise disk_error(str(file), "cannot be created", error) from error
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return digest, size_bytes, file

    def _file(self, digest: bytes, path: str) -> Path:
        suffix = Path(path).suffix.lower()
        return self._folder / f"{digest.hex()}{suffix if SUFFIX.fullmatch(suffix) else ''}"

    def _use(self, job: str, file: Path) -> bool:
        """Whether there is such a copy, which the job then needs."""
        with self._lock:
            if file not in self._sizes or not file.exists():  # an operator may have removed it
                return False
            self._sizes[file] = self._sizes.pop(file)
            self._needed.setdefault(job, set()).add(file)
            return True

    def _use_new(self, job: str, file: Path, size_bytes: int) -> None:
        with self._lock:
            self._sizes.pop(file, None)
            self._sizes[file] = size_bytes
            self._needed.setdefault(job, set()).add(file)
            for unused in list(self._surplus()):
                del self._sizes[unused]
                with suppress(OSError):
                    unused.unlink(missing_ok=True)

    def _surplus(self) -> Iterator[Path]:
        needed = set[Path]().union(*self._needed.values())
        unused = {file: size for file, size in self._sizes.items() if file not in needed}
        surplus_bytes = sum(unused.values()) - self._max_unused_bytes
        for file, size in unused.items():
            if surplus_bytes <= 0:
                return
            surplus_bytes -= size
            yield file


@dataclass(frozen=True, slots=True)
class _JobCopies:
    job: str
    _store: Callable[[str, str, int, int], StoredReference]

    def store(self, path: str, fd: int, limit_bytes: int) -> StoredReference:
        return self._store(self.job, path, fd, limit_bytes)


def _hash(fd: int, limit_bytes: int, write: Callable[[bytes], None] = lambda _: None) -> tuple[bytes, int]:
    """The digest and the size of an open file; `write` gets what is hashed."""
    digest, size_bytes = hashlib.blake2b(digest_size=32), 0
    for chunk in chunks(fd, limit_bytes):
        digest.update(chunk)
        size_bytes += len(chunk)
        write(chunk)
    return digest.digest(), size_bytes


def _copy(fd: int, limit_bytes: int, target: Path, disk: Disk) -> tuple[bytes, int]:
    """Copy an open file; the digest and the size of the copy."""

    def write(chunk: bytes) -> None:
        try:
            disk.append(copy, chunk)
        except OSError as error:
            raise disk_error(str(target), "cannot be written", error) from error

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = create(target)
    except OSError as error:
        raise disk_error(str(target), "cannot be created", error) from error
    try:
        hashed = _hash(fd, limit_bytes, write)
        try:
            disk.sync(copy)
        except OSError as error:
            raise disk_error(str(target), "cannot be written", error) from error
    finally:
        os.close(copy)
    return hashed
