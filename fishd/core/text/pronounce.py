"""Pronunciations: terms in a text replaced by what the engine is to read.

Only whole words are replaced; case is ignored, the longest term wins, and a replacement is not replaced
again. A word ends where no letter, digit, mark or contraction follows: `SQL,`, `SQL-based` and `Siobhan's`
match, `SQLite` and `can't` (for `can`) do not. In scripts without spaces between words any occurrence
matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

# Thai, Lao, Burmese, Khmer, Japanese, Chinese; and Korean, whose particles follow a word without a space.
_WITHOUT_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005-\u30ff\u3130-\u318f\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_CODES_WITH_MARKS = range(0x300, 0x1F000)


class _Term(NamedTuple):
    pattern: re.Pattern[str]
    is_word: bool  # it must end where a word ends
    spoken: str


class Pronunciations:
    """Terms and their replacements, ready to be applied to many texts."""

    def __init__(self, replacements: Mapping[str, str]) -> None:
        self._word, self._inside = _word_patterns()
        self._terms: dict[str, list[_Term]] = {}  # by their first word, the longest first
        for written in sorted(replacements, key=len, reverse=True):
            if term := " ".join(_nfc(written).split()):
                self._terms.setdefault(self._first_word(term, 0).casefold(), []).append(
                    _Term(_pattern(term), self._word.match(term[-1]) is not None, replacements[written])
                )

    def apply(self, text: str) -> str:
        """The text as it is to be spoken."""
        if not self._terms:
            return text
        text = _nfc(text)
        spoken: list[str] = []
        at = 0
        while at < len(text):
            word = self._first_word(text, at)
            part, at = self._replace(text, at, word)
            spoken.append(part)
        return "".join(spoken)

    def _replace(self, text: str, at: int, word: str) -> tuple[str, int]:
        """The replacement of the term at this position, or else its word; and the position after it."""
        for term in self._terms.get(word.casefold(), ()):
            found = term.pattern.match(text, at)
            if found and not (term.is_word and self._inside.match(text, found.end())):
                return term.spoken, found.end()
        return word, at + len(word)

    def _first_word(self, text: str, at: int) -> str:
        """The word at this position, or the single character if it is no part of a word."""
        word = self._word.match(text, at)
        return word[0] if word else text[at]


def _pattern(term: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, term.split(" "))), re.IGNORECASE)


@cache
def _word_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of a word or the ending of a contraction, and of what continues a word, which `'s` does not."""
    joins = f"(?![{_WITHOUT_SPACES}])[\\w\u200c\u200d{_marks()}]"
    contracted = f"(?<={joins})['’](?:s|t|d|m|ll|re|ve)(?!{joins})"
    word = re.compile(f"{contracted}|(?:{joins})+", re.IGNORECASE)
    return word, re.compile(f"{joins}|['’](?!s(?!{joins})){joins}", re.IGNORECASE)


def _marks() -> str:
    r"""Combining marks, which are part of a word although `\w` does not match them."""
    return "".join(chr(code) for code in _CODES_WITH_MARKS if unicodedata.category(chr(code))[0] == "M")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
