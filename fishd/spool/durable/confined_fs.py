"""Read files of an untrusted bundle: never outside its folder, without blocking, up to a limit.

A path is checked by opening it, not before: a file swapped after a check would win the race.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from fishd.core.text.humanize import human_size
from fishd.spool.durable.syscalls import FOLDER_FLAGS, open_beneath
from fishd.spool.errors import SpoolError, disk_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from types import TracebackType

CHUNK_BYTES = 1 << 20
FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY  # NONBLOCK: do not wait for the writer of a FIFO
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the machine's fault, and temporary
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Refused(Exception):  # noqa: N818 - reads as what it is
    """A file of a bundle cannot be used; `str()` says why, and reads on from the file's name."""


class Missing(Refused):
    """The file does not exist (yet)."""


class ConfinedFolder:
    """A bundle's folder, kept open: every file is opened beneath this descriptor."""

    def __init__(self, folder: Path, opener: Callable[[int, str, int], int] = open_beneath) -> None:
        """Raises Refused if it cannot be opened or is not a folder."""
        self._opener = opener
        try:
            self.fd = os.open(folder, FOLDER_FLAGS)
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
        """The descriptor of a regular file, and its path as spelled on the disk. Raises Refused."""
        fd, found = self._open(plain_path(relative))
        try:
            _refuse_unless_file(os.fstat(fd).st_mode)
            yield fd, found
        finally:
            os.close(fd)

    def read(self, relative: str, limit_bytes: int) -> bytes:
        """The whole file. Raises Refused, also when it is longer than `limit_bytes`."""
        with self.file(relative) as (fd, _):
            return b"".join(chunks(fd, limit_bytes))

    def _open(self, relative: str) -> tuple[int, str]:
        """Try the name as written, then in both Unicode forms: macOS writes é as two characters."""
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


def chunks(fd: int, limit_bytes: int) -> Iterator[bytes]:
    """The content of an open file, up to its present size. Raises Refused if that is over the limit."""
    if (size_bytes := os.fstat(fd).st_size) > limit_bytes:  # before a sparse terabyte is read
        raise Refused(f"is {human_size(size_bytes)} long; at most {human_size(limit_bytes)} are read")
    num_read = 0
    while num_read < size_bytes and (chunk := os.read(fd, min(CHUNK_BYTES, size_bytes - num_read))):
        num_read += len(chunk)
        yield chunk


def plain_path(relative: str) -> str:
    """The path without `.` and double slashes. Raises Refused if it is absolute, leads up or is empty."""
    if relative.startswith("/"):
        raise Refused("is an absolute path; give it relative to the bundle")
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused("leads out of the bundle (..); put the file into the bundle")
    if "\0" in relative or not parts:
        raise Refused("is not a path")
    return "/".join(parts)


def _refuse_unless_file(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise Refused(f"is {KINDS.get(stat.S_IFMT(mode), 'a special file')}, not a file")


def _refusal(error: OSError, relative: str) -> Refused | SpoolError:
    if error.errno in EXHAUSTED:
        return disk_error(relative or "a bundle", "cannot be opened", error)
    match error.errno:
        case errno.ENOENT:
            return Missing("is missing")
        case errno.ELOOP:
            return Refused("is a symlink, or behind one; put the file itself into the bundle")
        case errno.ENOTDIR:
            return Refused("is below something that is not a folder" if relative else "is not a folder")
        case errno.EXDEV:
            return Refused("leads out of the bundle; put the file into the bundle")
        case errno.EACCES | errno.EPERM:
            return Refused("cannot be read by fishd; give it read permission (chmod a+rX)")
        case errno.ENXIO:
            return Refused("is a FIFO or a socket, not a file")
        case errno.ENAMETOOLONG:
            return Refused("is too long for a path")
        case _:
            return Refused(f"cannot be read: {os.strerror(error.errno or 0)}")
