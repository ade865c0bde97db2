"""What stands in a zip or a tar, member by member, without trusting what either says of itself.

The standard library's readers take some sizes from the archive into memory at once. Here the zip's
directory is measured before it is read, and the tar is read through a window that never gives much.
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

PIECE_BYTES = MIB
ENTRY_BYTES = 400  # of the zip's directory, a member; it takes 46 and its name
END = struct.Struct("<4s4H2LH")  # the end of central directory record, PKWARE's APPNOTE 4.3.16
END64 = struct.Struct("<4sQ2H2L4Q")  # its 64-bit form, 4.3.14
LOCATOR = struct.Struct("<4sLQL")  # and where that is, 4.3.15
LONGEST_COMMENT = 1 << 16


class Damaged(Refused):
    """The archive does not go on as it should: perhaps it is not all there yet."""


class Encrypted(Exception):  # noqa: N818 - reads as what it is
    """A member wants a password."""


@dataclass(frozen=True, slots=True)
class Member:
    """`oddity` is what it is if neither a file nor a folder; `content` gives pieces, once."""

    name: str
    is_folder: bool
    oddity: str
    content: Callable[[], Iterator[bytes]]

    @property
    def shown(self) -> str:
        """Its name as it may stand in a message."""
        return printable(self.name[:100]) or "a member without a name"


# ---- zip ------------------------------------------------------------------------------------------------


def zip_members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Raises Refused, Damaged, Encrypted and what zipfile raises."""
    most = limits.max_files * ENTRY_BYTES
    if _directory_bytes(file) > most:
        raise Refused(f"holds more than {limits.max_files:,} files")
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            yield Member(info.filename, info.is_dir(), _zip_oddity(info), _zip_content(archive, info))


def _directory_bytes(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    start = max(0, size - END.size - LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < END.size:
        raise Damaged("is damaged, or its end is missing")
    directory_bytes: int = END.unpack_from(tail, at)[5]
    if at >= LOCATOR.size and tail[at - LOCATOR.size :].startswith(b"PK\6\7"):
        file.seek(LOCATOR.unpack_from(tail, at - LOCATOR.size)[2])
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
            raise NotImplementedError("use the usual compression, deflate")
        with archive.open(info) as member:
            while piece := member.read(PIECE_BYTES):
                yield piece

    return content


# ---- tar ------------------------------------------------------------------------------------------------


def tar_members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Raises Refused and what tarfile and zlib raise."""
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
    window = _Window(plain, limits.max_bytes + (limits.max_files << 10))
    with tarfile.open(fileobj=cast("IO[bytes]", window), mode="r:", errorlevel=1) as archive:
        while info := archive.next():
            cast("Any", archive).members.clear()  # it would keep every one
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
            piece = member.read(min(PIECE_BYTES, left))
            if not piece:
                raise tarfile.ReadError("unexpected end of data")
            left -= len(piece)
            yield piece

    return content


class _Window:
    """Reads a stream forward, a piece at a time; tarfile steps back one byte at most."""

    def __init__(self, stream: IO[bytes], limit_bytes: int) -> None:
        self._stream = stream
        self._left = limit_bytes
        # The mutable state: where we are, the byte before, and whether it is to be read again.
        self._at: int = 0
        self._before = b""
        self._is_back = False

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= PIECE_BYTES:
            raise Refused("says of itself that it holds a header of more than a megabyte")
        if not size:
            return b""
        again = self._before if self._is_back else b""
        piece = again + self._take(size - len(again))
        self._is_back = False
        self._at += len(piece)
        self._before = piece[-1:] or self._before
        return piece

    def tell(self) -> int:
        return self._at

    def seek(self, position: int, _whence: int = 0) -> int:
        if position == self._at - 1 and not self._is_back:
            self._is_back = True
            self._at = position
        while self._at < position:
            if not self.read(min(PIECE_BYTES, position - self._at)):
                break
        if self._at != position:
            raise tarfile.ReadError("unexpected end of data")
        return position

    def _take(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0 and (piece := self._stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise Refused("unpacks to more than is taken")
        return b"".join(pieces)
