"""Reading files of an untrusted bundle: nothing outside it, nothing that hangs, nothing without bound.

A path is checked by opening it, not before: what is swapped after a look would win the race.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from fishd.spool.durable.syscalls import open_beneath
from fishd.spool.errors import SpoolError, disk_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from types import TracebackType

CHUNK_BYTES = 1 << 20
FILE_FLAGS = (
    os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
)  # O_NONBLOCK: opening a FIFO must not wait for a writer

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # this machine's fault, and not for long


class Refused(Exception):  # noqa: N818 - reads as what it is
    """A file of a bundle that cannot be used; `str()` says why, to stand after its name."""


class Missing(Refused):
    """The file is not there (yet)."""


class ConfinedFolder:
    """A bundle's folder, held open: every file is opened beneath this descriptor."""

    def __init__(self, folder: Path, opener: Callable[[int, str, int], int] = open_beneath) -> None:
        """Raise Refused if the folder cannot be opened or is not one."""
        self._opener = opener
        try:
            self.fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _refusal(error, "") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        os.close(self.fd)

    @contextmanager
    def file(self, relative: str) -> Generator[tuple[int, str]]:
        """The descriptor of a regular file, and its path as it stands on the disk. Raises Refused."""
        fd, found = self._open(plain_path(relative))
        try:
            _refuse_unless_file(os.fstat(fd).st_mode)
            yield fd, found
        finally:
            os.close(fd)

    def chunks(self, relative: str, limit_bytes: int) -> Iterator[bytes]:
        """The file's content, piece by piece. Raises Refused, also when it is longer than `limit_bytes`."""
        with self.file(relative) as (fd, _):
            yield from pieces(fd, limit_bytes)

    def read(self, relative: str, limit_bytes: int) -> bytes:
        """The whole file. Raises Refused."""
        return b"".join(self.chunks(relative, limit_bytes))

    def _open(self, relative: str) -> tuple[int, str]:
        """Try the name as written, then in both Unicode forms: a Mac writes é as two characters."""
        for spelling in dict.fromkeys(
            (relative, *(unicodedata.normalize(form, relative) for form in ("NFC", "NFD")))
        ):
            with suppress(FileNotFoundError):
                try:
                    return self._opener(self.fd, spelling, FILE_FLAGS), spelling
                except FileNotFoundError:
                    raise
                except OSError as error:
                    raise _refusal(error, relative) from error
        raise Missing("is missing" + (" (write / between folders)" if "\\" in relative else ""))


def pieces(fd: int, limit_bytes: int) -> Iterator[bytes]:
    """What an open file holds now: what is added meanwhile is left. Raises Refused when it is too long."""
    if (size_bytes := os.fstat(fd).st_size) > limit_bytes:  # says so before a sparse terabyte is read
        raise too_long(size_bytes, limit_bytes)
    seen = 0
    while seen < size_bytes and (piece := os.read(fd, min(CHUNK_BYTES, size_bytes - seen))):
        seen += len(piece)
        yield piece


def plain_path(relative: str) -> str:
    """The path without `.` and doubled slashes; Refused if it is absolute, leads upwards or is no path."""
    if relative.startswith("/"):
        raise Refused("is an absolute path; give it relative to the bundle")
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused("leads out of the bundle (..); put the file into the bundle")
    if "\0" in relative or not parts:
        raise Refused("is not a path")
    return "/".join(parts)


def size_in_words(size_bytes: int) -> str:
    """Bytes as a person would say them."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def too_long(size_bytes: int, limit_bytes: int) -> Refused:
    """The refusal of a file over a limit."""
    return Refused(f"is {size_in_words(size_bytes)} long; at most {size_in_words(limit_bytes)} are read")


def _refuse_unless_file(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    raise Refused(f"is {kinds.get(stat.S_IFMT(mode), 'something special')}, not a file")


def _refusal(error: OSError, relative: str) -> Refused | SpoolError:
    if error.errno in EXHAUSTED:
        return disk_error(relative or "a bundle", "cannot be opened", error)
    match error.errno:
        case errno.ENOENT:
            return Missing("is missing")
        case errno.ELOOP:
            return Refused("is a symlink, or lies behind one; put the file itself into the bundle")
        case errno.ENOTDIR:
            return Refused("lies behind something that is not a folder" if relative else "is not a folder")
        case errno.EXDEV:
            return Refused("leads out of the bundle; put the file into the bundle")
        case errno.EACCES | errno.EPERM:
            return Refused("may not be read by fishd; give it read permission (chmod a+rX)")
        case errno.ENXIO:
            return Refused("is a FIFO or a socket, not a file")
        case errno.ENAMETOOLONG:
            return Refused("is longer than a path may be")
        case _:
            return Refused(f"cannot be read: {os.strerror(error.errno or 0)}")
