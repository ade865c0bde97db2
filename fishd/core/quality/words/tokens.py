"""A text as the tokens that are compared: words, numbers and symbols, without case, accents or punctuation.

Scripts that put no spaces between words become one token a character, and so does Korean, whose spaces vary
from writer to writer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

SYMBOLS = "%&+=@°$€£¥₹"
LETTERS_OF_CHARACTER = 2  # in scripts without spaces
_CURRENCIES = "$€£¥₹"
_WITHIN_WORDS = "'’\u00ad\u200c\u200d"
_ORDINAL_ENDINGS = frozenset(("st", "nd", "rd", "th", "er", "re", "e", "eme", "o", "a"))
# Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3130-\u318f"
    "\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_THOUSANDS = re.compile(r"\d{1,3}([.,])\d{3}(\1\d{3})*")
_SCRIPTS = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}


@dataclass(frozen=True, slots=True)
class Token:
    """What is compared, and where it is written: text[start:end]."""

    word: str
    start: int
    end: int

    @property
    def is_unsure(self) -> bool:
        """May it be written in several ways: a number or a symbol?"""
        return self.word[0].isdigit() or self.word in SYMBOLS

    @property
    def num_letters(self) -> int:
        """How much there is to say, in Latin letters."""
        return len(self.word) * (LETTERS_OF_CHARACTER if _WITHOUT_SPACES.match(self.word) else 1)


def tokenize(text: str) -> list[Token]:
    """The tokens in the order in which they are said: the sign of a currency follows its amount."""
    tokens: list[Token] = []
    for kind, group in groupby(range(len(text)), key=lambda at: _kind(text, at)):
        places = list(group)
        start, end = places[0], places[-1] + 1
        word = _number(text[start:end]) if kind == "number" else _normalized(text[start:end])
        if kind == "separator" or not word:
            continue
        if tokens and tokens[-1].end == start and tokens[-1].word[0].isdigit() and word in _ORDINAL_ENDINGS:
            continue
        tokens.append(Token(word, start, end))
        if kind == "number" and len(tokens) > 1 and tokens[-2].word in _CURRENCIES:
            tokens[-2:] = reversed(tokens[-2:])
    return tokens


def main_script(text: str) -> str:
    """The script of most letters: "LATIN", "CYRILLIC", "CJK" (Chinese, Japanese) …; "" without a letter."""
    scripts = Counter(_scripts(text))
    return scripts.most_common(1)[0][0] if scripts else ""


def _scripts(text: str) -> Iterator[str]:
    for char in text:
        if char.isalpha():
            name = unicodedata.name(char, "").split(" ")[0].split("-")[0]
            yield _SCRIPTS.get(name, name)


def _kind(text: str, at: int) -> object:
    """What a character is part of; neighbours of one kind are one token."""
    char = text[at]
    if _WITHOUT_SPACES.match(char):
        return at
    if char.isdigit():
        return "number"
    if char in ".,":
        return "number" if text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit() else "separator"
    if char in SYMBOLS:
        return at
    if char.isalpha() or char in _WITHIN_WORDS or unicodedata.category(char)[0] == "M":
        return "word"
    return "separator"


def _number(digits: str) -> str:
    """Digits with a point before the decimals: "1,000" -> "1000", "3,5" -> "3.5"."""
    digits = "".join(str(unicodedata.digit(char, 0)) if char.isdigit() else char for char in digits)
    if _THOUSANDS.fullmatch(digits):
        return digits.replace(",", "").replace(".", "")
    *whole, last = re.split("[.,]", digits)
    return f"{''.join(whole)}.{last}" if whole else last


def _normalized(word: str) -> str:
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).casefold())
    kept = (char for char in folded if unicodedata.category(char)[0] != "M" and char not in _WITHIN_WORDS)
    return unicodedata.normalize("NFC", "".join(kept))
