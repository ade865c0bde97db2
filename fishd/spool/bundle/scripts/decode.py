"""Decoding of scripts: by byte order mark, as UTF-8, as declared, or by a guess."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.guess import guesses

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_BOMS = (  # UTF-32 first: its mark begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_OF_FILES = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ZIP = b"PK\x03\x04"
_NEWLINE = re.compile("\r\n?")


def decode(content: bytes, declared: str, draft: ScriptDraft, place: str = "") -> str | None:
    """The text with LF line ends; None after a fault that names the line.

    Tried in this order: the byte order mark, UTF-8, the declared encoding, a guess, which is a warning.
    """
    text = _decoded(content, declared, draft, place)
    if text is None:
        return None
    if (nul := text.find("\0")) >= 0:
        what = 'holds NUL bytes: it is not a text, or it is UTF-16; then set [script] encoding = "utf-16-le"'
        draft.fault(f"{place}:{_line(text, nul)}", what)
        return None
    return _NEWLINE.sub("\n", text.replace("\ufeff", ""))  # files that are joined have marks inside


def is_encoding(name: str) -> bool:
    """Whether a text file can be in an encoding of that name."""
    try:
        codec = codecs.lookup(name)
        "a".encode(name)
    except (LookupError, ValueError):  # unknown, not a text encoding, or no name at all
        return False
    return codec.name not in _NOT_OF_FILES


def _decoded(content: bytes, declared: str, draft: ScriptDraft, place: str) -> str | None:
    if content.startswith(_ZIP):
        draft.fault(place, "is a ZIP archive (such as an Excel or Word file), not text; export it as text")
        return None
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _strictly(content[len(mark) :], encoding, "its byte order mark", draft, place)
    text = _attempt(content, "utf-8")
    if text is not None and not (declared and "\0" in text):  # UTF-16 without a mark is valid UTF-8
        return text
    if declared:
        return _strictly(content, declared, "its declaration", draft, place)
    return _guessed(content, draft, place)


def _strictly(content: bytes, encoding: str, by: str, draft: ScriptDraft, place: str) -> str | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        at, byte = f"{place}:{_line(before, len(before))}", content[error.start]
        draft.fault(at, f"byte 0x{byte:02x} is not {encoding}, as {by} says; save the file as UTF-8")
        return None
    if surrogate := _SURROGATE.search(text):
        at = f"{place}:{_line(text, surrogate.start())}"
        draft.fault(at, "holds half a surrogate pair; save the file as UTF-8")
        return None
    return text


def _guessed(content: bytes, draft: ScriptDraft, place: str) -> str | None:
    fix = 'if that is wrong, save it as UTF-8 or set [script] encoding = "…"'
    for encoding in guesses(content):
        if (text := _attempt(content, encoding)) is not None:
            draft.warn(place, f"is not UTF-8: read as {encoding}, which is a guess; {fix}")
            return text
    line = _first_line_not_utf8(content)
    what = "is not UTF-8, nor any encoding that is recognised; save it as UTF-8 or set [script] encoding"
    draft.fault(f"{place}:{line}", what)
    return None


def _attempt(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _first_line_not_utf8(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return _line(content.decode("latin-1"), error.start)
    return 1


def _line(text: str, end: int) -> int:
    return _NEWLINE.sub("\n", text[:end]).count("\n") + 1
