"""Guesses the encoding of a text that declares none.

charset-normalizer tells the scripts apart. It often confuses the Latin code pages, where one byte is ø in
one and ř in another, when a text has few accents; there the alphabets of the languages decide.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
)
_SAMPLE_BYTES = 1 << 16
# What each language writes besides a to z; on a tie, the earlier one.
_ALPHABETS = (
    ("cp1252", "àâæçéèêëîïôœùûüÿ"),  # French
    ("cp1252", "äöüß"),  # German
    ("cp1252", "áéíñóúüªº"),  # Spanish
    ("cp1252", "áâãàçéêíóôõúüªº"),  # Portuguese
    ("cp1252", "àèéìíîòóùú"),  # Italian
    ("cp1252", "åäöæøéü"),  # Swedish, Danish, Norwegian, Finnish
    ("cp1252", "áéëïíóöúüèê"),  # Dutch
    ("cp1252", "áðéíóúýþæö"),  # Icelandic
    ("cp1252", "àçèéíïòóúü"),  # Catalan
    ("cp1250", "ąćęłńóśźż"),  # Polish
    ("cp1250", "áäčďéěíĺľňóôŕřšťúůýž"),  # Czech, Slovak
    ("cp1250", "áéíóöőúüű"),  # Hungarian
    ("cp1250", "čćđšž"),  # Croatian, Slovene
    ("cp1250", "ăâîşţ"),  # Romanian
    ("cp1254", "çğıiöşüâîi̇"),  # Turkish
    ("cp1257", "ąčęėįšųūž"),  # Lithuanian
    ("cp1257", "āčēģīķļņšūž"),  # Latvian
    ("cp1257", "äõöüšž"),  # Estonian
)
_LATIN = {codec for codec, _ in _ALPHABETS}


def guesses(content: bytes) -> Sequence[str]:
    """Codecs that the text may be in, the likeliest first; none if it does not look like text."""
    from charset_normalizer import from_bytes

    sample = _telling(content)
    found = [match.encoding for match in from_bytes(sample, cp_isolation=list(_CANDIDATES))]
    if found[0:1] == ["cp949"] and not _is_korean(sample):
        found = [*found[1:], "cp949"]
    if not found or found[0] not in _LATIN:
        return found
    return [*_latin_guesses(sample), *found]


def _telling(content: bytes) -> bytes:
    """The first lines that are not plain ASCII: in subtitles most are times and numbers."""
    lines: list[bytes] = []
    size = 0
    for line in content.split(b"\n"):
        if not line.isascii():
            lines.append(line)
            size += len(line)
        if size >= _SAMPLE_BYTES:
            break
    return b"\n".join(lines)


def _is_korean(sample: bytes) -> bool:
    """Read as Korean, short Chinese and Japanese texts become Hanja and single Jamo."""
    text = sample[:_SAMPLE_BYTES].decode("cp949", "replace")
    letters = [char for char in text if char > "\x7f" and char.isalpha()]
    return sum("가" <= char <= "힣" for char in letters) > 0.9 * len(letters)


def _latin_guesses(sample: bytes) -> Sequence[str]:
    shares: dict[str, float] = {}
    for codec, alphabet in _ALPHABETS:
        letters = _foreign_letters(sample[:_SAMPLE_BYTES].decode(codec, "replace"))
        share = sum(letter in alphabet for letter in letters) / max(len(letters), 1)
        shares[codec] = max(shares.get(codec, 0.0), share)
    return sorted(shares, key=shares.__getitem__, reverse=True)


def _foreign_letters(text: str) -> str:
    """Letters beyond ASCII, and signs that no word has; punctuation is the same in all Latin pages."""
    return "".join(
        char for char in text.lower() if char > "\x7f" and unicodedata.category(char)[0] not in "PZC"
    )
