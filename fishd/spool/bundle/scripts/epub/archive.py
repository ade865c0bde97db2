"""The ZIP archive of an EPUB: members are read by name, into memory, within the limits.

Nothing is unpacked; pictures and fonts are not read. The text that is read of a whole book is bounded, so a
ZIP bomb costs no more than a long book.
"""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fishd.core.text.humanize import human_size
from fishd.spool.archive.members import Encrypted, zip_members
from fishd.spool.bundle.scripts.draft import quoted
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.names import printable

if TYPE_CHECKING:
    from fishd.core.model.limits import Limits

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error),
    *(ValueError, OverflowError, LookupError),
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what EPUB allows, and what zipfile bounds


_PLACE_CHARS = 200


class BadBookError(Exception):
    """The book cannot be read; `str()` says why, to stand behind its name."""


class BadMemberError(BadBookError):
    """One member cannot be read; `str()` says why, to stand behind the member's name."""


class BookArchive:
    """An EPUB's members. Making one raises BadBookError for a damaged or hostile archive."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._text_bytes = limits.script_text_bytes
        self._left = limits.script_text_bytes
        file = io.BytesIO(content)
        with _translated():
            for member in zip_members(file, limits):  # bounds the directory before zipfile reads it
                _check_name(member.name)
            self._zip = zipfile.ZipFile(file)
        self._members = {_fold(info.filename): info for info in self._zip.infolist()}

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return _fold(name) in self._members

    def read(self, name: str) -> bytes:
        """A member that is text. Raises BadMemberError, BadBookError when the whole is too much."""
        content = self.read_bounded(name, self._left)
        if content is None:
            most = human_size(self._text_bytes)
            raise BadBookError(f"holds more than {most} of text, at {quoted(name)}; split the book")
        self._left -= len(content)
        return content

    def read_bounded(self, name: str, most: int) -> bytes | None:
        """Any member; None if it is longer than `most`. Raises BadMemberError."""
        info = self._members.get(_fold(name))
        if info is None:
            raise BadMemberError("is missing from the archive")
        if info.flag_bits & 1:
            raise BadMemberError("is encrypted; drop the book without a password")
        if info.compress_type not in _METHODS:
            raise BadMemberError("is packed in a way that EPUB does not allow; use deflate")
        try:
            with self._zip.open(info) as member:
                content = member.read(most + 1)
        except (*_DAMAGE, NotImplementedError, RuntimeError) as error:
            raise BadMemberError(f"is damaged ({str(error)[:100]}); copy the book again") from error
        return content if len(content) <= most else None


def member_place(path: str) -> str:
    """`: OEBPS/chapter2.xhtml`, to stand after the book's name. Names in an archive can be 64 KB long."""
    return f": {printable(path[:_PLACE_CHARS])}"


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except Encrypted as error:
        raise BadBookError("is encrypted; drop it without a password") from error
    except Refused as refused:
        raise BadBookError(str(refused)) from refused
    except (*_DAMAGE, NotImplementedError) as error:
        raise BadBookError(f"is not an EPUB, or is damaged ({str(error)[:100]}); copy it again") from error


def _check_name(name: str) -> None:
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        raise BadBookError(f"holds a member that leads out of the book, {quoted(name)}; make it again")


def _fold(name: str) -> str:
    """Books are made on systems that do not tell these names apart."""
    return unicodedata.normalize("NFC", name).casefold()
