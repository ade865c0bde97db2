"""Texts of a bundle: bytes made into characters, and what may be spoken. Touches no disk."""

from __future__ import annotations

import re

from fishd.core.model.job import Fault
from fishd.spool.names import one_line

BOM = b"\xef\xbb\xbf"
CONTROL_TOKEN = re.compile(r"<\|.*?\|>", re.DOTALL)


def decode(content: bytes, where: str, faults: list[Fault]) -> str | None:
    """UTF-8 with or without a BOM, lines ended by LF or CRLF; None after a fault that names the line."""
    content = content.removeprefix(BOM)
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        guess = " (it looks like UTF-16)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        what = f"is not UTF-8: byte 0x{content[error.start]:02x}{guess}; save the file as UTF-8"
        faults.append(Fault(f"{where}:{line}", what))
        return None


def speakable(text: str, where: str, limit_chars: int, faults: list[Fault], mend: str) -> str:
    """The text on one line; a fault if there is nothing to say, or too much (then `mend` says what to do)."""
    said = one_line(text)
    if not said:
        faults.append(Fault(where, "is empty"))
    elif len(said) > limit_chars:
        faults.append(Fault(where, f"is {len(said):,} characters long, {limit_chars:,} is the most; {mend}"))
    elif not CONTROL_TOKEN.sub("", said).strip():
        faults.append(
            Fault(where, f"holds nothing but control tokens ({said[:40]}); there is nothing to say")
        )
    return said
