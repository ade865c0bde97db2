r"""Untrusted text made safe to show: nothing in it can move a cursor, hide text, or reverse its direction.

Names, lines and messages come from untrusted bundles. Control characters, which a terminal, a browser or a
log would obey, are written as in Python (`\x1b`, `\u202e`). Everything else is unchanged.
"""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # zero width, but Persian words and emoji families need them
_IDEOGRAPHIC_SPACE = "\u3000"
_MOST_MARKS = 4  # combining marks on one letter; scripts need up to three, "zalgo" hundreds
_LONE_BYTE = range(0xDC80, 0xDD00)  # a byte of a file name that was not UTF-8 (PEP 383)
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_printable(text: str) -> str:
    """The text on one line, with every control character, bidi override and undecoded byte written out."""
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            shown.append(_shown(char))
    return "".join(shown)


def encodable(text: str) -> str:
    """The text with lone surrogates written out, so that it can be encoded; otherwise untouched."""
    return "".join(_shown(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS or char == _IDEOGRAPHIC_SPACE:
        return char
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category not in _ESCAPED:
        return char  # private or unassigned: harmless
    code = ord(char)
    if code in _LONE_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return _NAMED.get(char) or char.encode("unicode-escape", "surrogatepass").decode("ascii")
