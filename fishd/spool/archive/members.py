"""The members of an untrusted zip or tar, one by one.

The standard library's readers allocate memory by sizes that the archive claims. Here the zip's directory is
measured before it is read, and the tar is read through a window that gives a megabyte at most.
"""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from fishd.core.model.limits import MIB, Limits
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.names import printable

CHUNK_BYTES = MIB
ENTRY_BYTES = 400  # allowed for a member in the zip's directory; it takes 46 and its name
END = struct.Struct("<4s4H2LH")  # the end of central directory record, PKWARE's APPNOTE 4.3.16
END64 = struct.Struct("<4sQ2H2L4Q")  # its 64-bit form, 4.3.14
LOCATOR = struct.Struct("<4sLQL")  # of that record, 4.3.15
MAX_COMMENT_BYTES = 1 << 16


class Damaged(Refused):
    """The archive is not valid up to its end: perhaps it is still being copied."""


class Encrypted(Exception):  # noqa: N818 - reads as what it is
    """A member needs a password."""


@dataclass(frozen=True, slots=True)
class Member:
    """`oddity` says what it is if neither a file nor a folder; `content` gives its chunks, once."""

    name: str
    is_folder: bool
    oddity: str
    content: Callable[[], Iterator[bytes]]

    @property
    def shown(self) -> str:
        """Its name for a message."""
        return printable(self.name[:100]) or "a member without a name"


# ---- zip ------------------------------------------------------------------------------------------------


def zip_members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Raises Refused, Damaged, Encrypted and what zipfile raises."""
    if _directory_bytes(file) > limits.max_files * ENTRY_BYTES:
        raise Refused(f"holds more than {limits.max_files:,} files")
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            yield Member(info.filename, info.is_dir(), _zip_oddity(info), _zip_content(archive, info))


def _directory_bytes(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    start = max(0, size - END.size - MAX_COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) - end < END.size:
        raise Damaged("is damaged, or its end is missing")
    directory_bytes: int = END.unpack_from(tail, end)[5]
    if end >= LOCATOR.size and tail[end - LOCATOR.size :].startswith(b"PK\6\7"):
        file.seek(LOCATOR.unpack_from(tail, end - LOCATOR.size)[2])
        record = file.read(END64.size)
        if len(record) < END64.size:
            raise Damaged("is damaged, or its end is missing")
        directory_bytes = max(directory_bytes, END64.unpack(record)[8])
    file.seek(0)
    return directory_bytes


def _zip_oddity(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if info.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):  # 3: Unix
        return "a symlink" if stat.S_ISLNK(mode) else "a special file"
    return ""


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], Iterator[bytes]]:
    def content() -> Iterator[bytes]:
        if info.flag_bits & 1:
            raise Encrypted
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("use deflate, the usual compression")
        with archive.open(info) as member:
            while chunk := member.read(CHUNK_BYTES):
                yield chunk

    return content


# ---- tar ------------------------------------------------------------------------------------------------


def tar_members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Raises Refused and what tarfile and zlib raise."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file
    window = _Window(plain, limits.max_bytes + (limits.max_files << 10))
    with tarfile.open(fileobj=cast("IO[bytes]", window), mode="r:", errorlevel=1) as archive:
        while info := archive.next():
            cast("Any", archive).members.clear()  # it would grow with every member
            yield Member(info.name, info.isdir(), _tar_oddity(info), _tar_content(archive, info))


def _tar_oddity(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.issparse():
        return "a sparse file"
    return "" if info.isreg() or info.isdir() else "a special file"


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], Iterator[bytes]]:
    def content() -> Iterator[bytes]:
        member = archive.extractfile(info)
        left = info.size
        while member is not None and left > 0:
            chunk = member.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise tarfile.ReadError("unexpected end of data")
            left -= len(chunk)
            yield chunk

    return content


class _Window:
    """A stream that is read forward in chunks; tarfile seeks back one byte at most."""

    def __init__(self, stream: IO[bytes], limit_bytes: int) -> None:
        self._stream = stream
        self._left = limit_bytes
        # The mutable state: the position, the last byte, and whether that is to be read again.
        self._position = 0
        self._last_byte = b""
        self._is_back = False

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK_BYTES:
            raise Refused("declares a header of more than a megabyte")
        if not size:
            return b""
        repeated = self._last_byte if self._is_back else b""
        chunk = repeated + self._read_forward(size - len(repeated))
        self._is_back = False
        self._position += len(chunk)
        self._last_byte = chunk[-1:] or self._last_byte
        return chunk

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        if position == self._position - 1 and not self._is_back:
            self._is_back = True
            self._position = position
        while self._position < position:
            if not self.read(min(CHUNK_BYTES, position - self._position)):
                break
        if self._position != position:
            raise tarfile.ReadError("unexpected end of data")
        return position

    def _read_forward(self, size: int) -> bytes:
        chunks: list[bytes] = []
        while size > 0 and (chunk := self._stream.read(size)):
            chunks.append(chunk)
            size -= len(chunk)
            self._left -= len(chunk)
            if self._left < 0:
                raise Refused("unpacks to more than is allowed")
        return b"".join(chunks)
