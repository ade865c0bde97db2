"""Decode the texts of a bundle, and check that they can be spoken. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from fishd.core.model.job import Fault
from fishd.spool.names import one_line

BOM = b"\xef\xbb\xbf"
CONTROL_TOKEN = re.compile(r"<\|.*?\|>", re.DOTALL)
WHITE_SPACE = set("\t\n\v\f\r\x85")
MOST_NAMED = 5


def decode(content: bytes, where: str, faults: list[Fault]) -> str | None:
    """Decode UTF-8 with or without a BOM, with LF or CRLF; None after a fault that names the line."""
    content = content.removeprefix(BOM)
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        guess = " (it looks like UTF-16)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        what = f"is not UTF-8: byte 0x{content[error.start]:02x}{guess}; save the file as UTF-8"
        faults.append(Fault(f"{where}:{line}", what))
        return None


def speakable(text: str, where: str, limit_chars: int, faults: list[Fault], fix: str) -> str:
    """The text on one line; a fault if it is empty, or too long (then `fix` says what to do)."""
    line = one_line(text)
    if not line:
        faults.append(Fault(where, "is empty"))
    elif len(line) > limit_chars:
        faults.append(Fault(where, f"is {len(line):,} characters long, {limit_chars:,} is the most; {fix}"))
    elif not CONTROL_TOKEN.sub("", line).strip():
        faults.append(
            Fault(where, f"holds nothing but control tokens ({line[:40]}); there is nothing to speak")
        )
    return line


def text_warnings(written: str, line: str, where: str) -> Iterator[Fault]:
    """What is odd about a text that will be spoken: as written in the bundle, and on one line."""
    yield from control_character_warnings(written, where, "spoken")
    if CONTROL_TOKEN.search(line):
        yield Fault(where, "holds a control token (<|…|>); it is spoken as plain text")
    if not any(char.isalnum() for char in line):
        yield Fault(where, "has no letter or digit: there is nothing to speak, the segment will fail")


def control_character_warnings(text: str, where: str, verb: str) -> Iterator[Fault]:
    """A warning if control characters other than white space become spaces; each is named once."""
    if text.isascii() and text.isprintable():
        return
    found = sorted({char for char in text if unicodedata.category(char) == "Cc"} - WHITE_SPACE)
    named = [f"U+{ord(char):04X}" for char in found[:MOST_NAMED]] + ["…"] * (len(found) > MOST_NAMED)
    if len(found) == 1:
        yield Fault(where, f"control character {named[0]} is {verb} as a space")
    elif found:
        yield Fault(where, f"control characters {', '.join(named)} are {verb} as spaces")
