"""The words of a text beside the words that were heard: where they differ, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from fishd.core.quality.words.closeness import NEAR, closeness
from fishd.core.quality.words.readings import Spell, readings
from fishd.core.quality.words.tokens import Token

NEAR_WEIGHT = 0.25  # of an error: two spellings of a word that may be one
SMALL_WEIGHT = 0.5
UNSURE_WEIGHT = 0.5  # a number in digits on one side that no reading explains
_MOST_CELLS = 40_000  # a longer difference is counted, not aligned word by word
_MOST_WORDS_OF_A_NUMBER = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """Tokens of the text [start:end], and what was heard in their place [heard_start:heard_end].

    `errors` are in words; a word that may only be spelled otherwise counts less.
    """

    start: int
    end: int
    heard_start: int
    heard_end: int
    errors: float

    @property
    def num_missing(self) -> int:
        return self.end - self.start

    @property
    def num_heard(self) -> int:
        return self.heard_end - self.heard_start


def align(text: Sequence[Token], heard: Sequence[Token], language: str, spell: Spell) -> list[Difference]:
    """The differences that remain when numbers, abbreviations and compounds are read leniently."""
    matcher = SequenceMatcher(None, [t.word for t in text], [t.word for t in heard], autojunk=False)
    differences: list[Difference] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal" and (errors := _errors(text[i:j], heard[k:m], language, spell)):
            differences.append(Difference(i, j, k, m, errors))
    return differences


def _errors(text: Sequence[Token], heard: Sequence[Token], language: str, spell: Spell) -> float:
    """Of the readings that come closest."""
    ours = list(readings(text, language, spell))
    theirs = list(readings(heard, language, spell))
    least = min(_distance(one, other) for one in ours for other in theirs)
    # Numbers and symbols that one side has in words, in a language in which nothing spells them.
    unsure = max(sum(token.is_unsure for token in text), sum(token.is_unsure for token in heard))
    may_be_number = max(len(text), len(heard)) <= unsure * _MOST_WORDS_OF_A_NUMBER
    return min(least, UNSURE_WEIGHT * unsure) if may_be_number else least


def _distance(text: Sequence[str], heard: Sequence[str]) -> float:
    """The Levenshtein distance in words, in which alike words cost less."""
    joined = "".join(text), "".join(heard)
    if joined[0] == joined[1]:
        return 0.0
    most = max(len(text), len(heard))
    if len(text) * len(heard) > _MOST_CELLS:
        return float(most)
    errors = _levenshtein(text, heard)
    if text and heard and len(text) != len(heard) and closeness(*joined) > NEAR:
        return min(errors, NEAR_WEIGHT * most)
    return errors


def _levenshtein(text: Sequence[str], heard: Sequence[str]) -> float:
    row = [0.0]
    for other in heard:
        row.append(row[-1] + _weight(other))
    for word in text:
        above, row = row, [row[0] + _weight(word)]
        for k, other in enumerate(heard, 1):
            replaced = above[k - 1] + _substitution(word, other)
            row.append(min(above[k] + _weight(word), row[-1] + _weight(other), replaced))
    return row[-1]


def _weight(word: str) -> float:
    """Of a word that is missing or added: a recogniser often drops or invents "a", "I", "oh", "ha"."""
    return SMALL_WEIGHT if len(word) <= 2 and word.isascii() else 1.0


def _substitution(word: str, other: str) -> float:
    if word == other:
        return 0.0
    return NEAR_WEIGHT if closeness(word, other) > NEAR else 1.0
