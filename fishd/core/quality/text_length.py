"""How much there is to say in a text, so that the pace of a take can be judged in any script.

The unit is the Latin letter: an English speaker says about 18 of them a second. Weights of other scripts are
from usual speaking rates: 5 syllables a second in Chinese and Korean, 7.5 morae in Japanese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_LETTERS = re.compile(r"[^\W\d_]")
_TAGS = re.compile(r"\[[^\]]*\]|<[^>]*>")  # instructions to the engine
_PARENTHESES = re.compile(r"\([^)]*\)")  # text, or instructions to the engine
_SENTENCE_ENDS = re.compile(r"[.!?…]+(?=[\s\"'”»)]|$)|[。！？]")
_PHRASE_ENDS = re.compile(r"[,;:](?=\s)|[，、；：]")
_ZEROS = re.compile("0")
_DIGITS = re.compile(r"[^\D0]")
_SYMBOLS = re.compile(r"[$€£¥₹%&@+=°§]|(?<=\d)[.,](?=\d)")  # "3.2": "three point two"
_ACRONYMS = re.compile(r"(?<![A-Za-z])[A-Z]{2,5}(?![a-z])")

_SENTENCE_END, _PHRASE_END = 4.0, 2.0  # its last syllable is drawn out
_GUESSES = ((_ZEROS, 3.0), (_DIGITS, 6.0), (_SYMBOLS, 6.0))
_EXTRA_IN_ACRONYM = 2.0  # a letter that is spelt: "es-queue-el"
_EXTRA = (  # letters of other scripts: what each counts above 1
    (re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 2.0),  # Chinese characters
    (re.compile("[\u3041-\u30ff\uff66-\uff9f]"), 1.0),  # kana
    (re.compile("[\uac00-\ud7af]"), 2.0),  # Hangul syllables
    (re.compile("[\u0590-\u06ff]"), 0.4),  # Hebrew, Arabic: short vowels are not written
    (re.compile("[\u0900-\u0dff]"), 0.7),  # scripts of India: vowel signs are marks
    (re.compile("[\u0e00-\u109f\u1780-\u17ff]"), 0.3),  # Thai, Lao, Burmese, Khmer
)


@dataclass(frozen=True, slots=True)
class TextLength:
    """`letters` to say; `unsure` is the share of them, 0..1, that is a guess: digits, symbols, acronyms."""

    letters: float
    unsure: float


@lru_cache(maxsize=512)  # a take's check needs it several times, and each take of a line again
def text_length(text: str) -> TextLength:
    """Measure the text that was spoken; a text without a letter, digit or symbol has none."""
    text = _TAGS.sub(" ", text)
    sure = float(len(_LETTERS.findall(text)))
    if not text.isascii():
        sure += sum(extra * len(script.findall(text)) for script, extra in _EXTRA)
    guessed = sum(letters * len(signs.findall(text)) for signs, letters in _GUESSES)
    if not sure + guessed:
        return TextLength(0.0, 1.0)
    sure += len(text.split()) - 1 + _ends(text)
    if text != text.upper():  # else the whole line is in capitals
        guessed += _EXTRA_IN_ACRONYM * sum(map(len, _ACRONYMS.findall(text)))
    total = sure + guessed
    doubtful = guessed + sum(map(len, _PARENTHESES.findall(text)))
    return TextLength(total, min(1.0, doubtful / total))


def _ends(text: str) -> float:
    sentences = max(1, len(_SENTENCE_ENDS.findall(text)))
    return _SENTENCE_END * sentences + _PHRASE_END * len(_PHRASE_ENDS.findall(text))
