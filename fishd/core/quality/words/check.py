"""The words check: does a take say its text?

A recogniser errs too, above all in names and in lines of few words, so a difference alone is no fault: the
share of wrong words is judged against the line's length. A lost ending, a repeated phrase, and a phrase too
few or too many are faults however long the line is, for a recogniser seldom invents those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.words.alignment import Difference, align
from fishd.core.quality.words.readings import Spell, spell_nothing
from fishd.core.quality.words.repeats import contains, extra_repeat
from fishd.core.quality.words.tokens import Token, main_script, tokenize

FREE_WORDS = 1.5  # wrong words that are no fault in a line of any length
PHRASE_WORDS, PHRASE_LETTERS = 4, 14  # as much is left out or added by a take, not by a recogniser
REPEATED_WORDS, REPEATED_LETTERS = 2, 6  # of the text, said once more: no recogniser invents them
ENDING_LETTERS = 4  # of the last words
OTHER_TEXT_WER = 0.7  # that a few words agree is chance
_SHORT_LETTERS = 6  # a sigh, a name: a recogniser may hear nothing, or other words up to twice as long
_QUOTED_CHARS = 60
_INVENTED = frozenset(  # what Whisper hears in silence after a line
    ("you", "thank you", "thanks for watching", "thank you for watching", "bye")
)


@dataclass(frozen=True, slots=True)
class WordsChecked:
    """The word error rate, None where it cannot be judged, and the faults, the worst first.

    A word that may only be spelled otherwise counts as a quarter of an error.
    """

    wer: float | None
    faults: tuple[QualityFault, ...] = ()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One text beside what was heard."""

    text: str
    heard: str
    tokens: list[Token]
    heard_tokens: list[Token]
    differences: list[Difference]

    @property
    def words(self) -> list[str]:
        return [token.word for token in self.tokens]

    @property
    def errors(self) -> float:
        return sum(difference.errors for difference in self.differences)

    @property
    def wer(self) -> float:
        return self.errors / len(self.tokens)

    @property
    def is_short(self) -> bool:
        """Both the text and what was heard."""
        num_heard = _num_letters(self.heard_tokens)
        return _num_letters(self.tokens) <= _SHORT_LETTERS and num_heard <= 2 * _SHORT_LETTERS

    def written(self, start: int, end: int) -> str:
        return _slice(self.text, self.tokens[start:end])

    def said(self, start: int, end: int) -> str:
        return _slice(self.heard, self.heard_tokens[start:end])


def check_words(
    texts: Sequence[str], heard: str, language: str, max_wer: float, spell: Spell = spell_nothing
) -> WordsChecked:
    """Judge what was heard by the closest of `texts`: the line as it is written, and as it is spoken."""
    comparisons = [
        comparison
        for text in dict.fromkeys(texts)
        if (comparison := _compare(text, heard, language, spell)) is not None
    ]
    if not comparisons:
        return WordsChecked(None)
    best = min(comparisons, key=lambda comparison: comparison.errors)
    if not best.heard_tokens and _num_letters(best.tokens) <= _SHORT_LETTERS:
        return WordsChecked(None)
    faults = sorted(_faults(best, max_wer), key=lambda fault: -fault.severity)
    return WordsChecked(round(best.wer, 3), tuple(faults[:1]))


def _compare(text: str, heard: str, language: str, spell: Spell) -> _Comparison | None:
    """None for what cannot be judged: a text without a word, or another script than the one heard."""
    tokens, heard_tokens = tokenize(text), tokenize(heard)
    scripts = main_script(text), main_script(heard)
    if not any(token.word[0].isalnum() for token in tokens) or (all(scripts) and scripts[0] != scripts[1]):
        return None
    if heard_tokens and (invented := _invented(tokens, heard_tokens)):
        del heard_tokens[-invented:]
    return _Comparison(text, heard, tokens, heard_tokens, align(tokens, heard_tokens, language, spell))


def _invented(tokens: Sequence[Token], heard: Sequence[Token]) -> int:
    """How many words at the end were heard in silence."""
    for number in range(min(len(heard) - 1, 4), 0, -1):
        phrase = [token.word for token in heard[-number:]]
        if " ".join(phrase) in _INVENTED and phrase != [token.word for token in tokens[-number:]]:
            return number
    return 0


def _faults(found: _Comparison, max_wer: float) -> Iterator[QualityFault]:
    if repeated := _repeated(found):
        yield _fault(f"repeats {_quote(found.said(*repeated))}", max(0.5, found.wer))
    if lost := _lost(found):
        start, end = lost
        share = _num_letters(found.tokens[start:end]) / _num_letters(found.tokens)
        yield _fault(f"leaves out {_quote(found.written(start, end))}", 0.4 + 0.6 * share)
    if added := _added(found):
        yield _fault(f"adds {_quote(found.said(*added))}", max(0.4, found.wer))
    if found.errors > max(max_wer * len(found.tokens), FREE_WORDS) and not found.is_short:
        yield _fault(_describe(found), found.wer)


def _repeated(found: _Comparison) -> tuple[int, int] | None:
    """The heard words of a phrase that was said more often than is written."""
    words, heard = found.words, [token.word for token in found.heard_tokens]
    if in_a_row := extra_repeat(words, heard):
        return in_a_row
    for difference in found.differences:
        phrase = tuple(heard[difference.heard_start : difference.heard_end])
        is_long = len(phrase) >= REPEATED_WORDS and sum(map(len, phrase)) >= REPEATED_LETTERS
        if difference.num_missing == 0 and is_long and contains(words, phrase):
            return difference.heard_start, difference.heard_end
    return None


def _lost(found: _Comparison) -> tuple[int, int] | None:
    """The tokens of the longest phrase that is missing: at the end even a word."""
    missing = [span for difference in found.differences if (span := _missing(found, difference))]
    return max(missing, key=lambda span: _num_letters(found.tokens[slice(*span)]), default=None)


def _missing(found: _Comparison, difference: Difference) -> tuple[int, int] | None:
    """The part of a difference that was not said; None if something else was said there instead."""
    first = difference.start + difference.num_heard
    letters = _num_letters(found.tokens[first : difference.end])
    heard_letters = _num_letters(found.heard_tokens[difference.heard_start : difference.heard_end])
    replaced_letters = _num_letters(found.tokens[difference.start : first])
    if difference.errors < 1 or heard_letters > 1.5 * replaced_letters + 2:
        return None
    at_edge = len(found.tokens) > 2 and difference.end == len(found.tokens)
    is_phrase = difference.end - first >= PHRASE_WORDS and letters >= PHRASE_LETTERS
    return (first, difference.end) if is_phrase or (at_edge and letters >= ENDING_LETTERS) else None


def _added(found: _Comparison) -> tuple[int, int] | None:
    """The words of the first phrase that nothing in the text stands for."""
    for difference in found.differences:
        span = difference.heard_start, difference.heard_end
        letters = _num_letters(found.heard_tokens[slice(*span)])
        if difference.num_missing == 0 and difference.num_heard >= PHRASE_WORDS and letters >= PHRASE_LETTERS:
            return span
    return None


def _describe(found: _Comparison) -> str:
    """The largest difference in words, and how many others there are; all of another text."""
    if not found.heard_tokens:
        return "no words were recognised"
    if found.wer > OTHER_TEXT_WER:
        return f"says {_quote(found.heard)} instead of {_quote(found.text)}"
    largest = max(found.differences, key=lambda difference: difference.errors)
    wanted = found.written(largest.start, largest.end)
    said = found.said(largest.heard_start, largest.heard_end)
    if not said:
        what = f"leaves out {_quote(wanted)}"
    elif not wanted:
        what = f"adds {_quote(said)}"
    else:
        what = f"says {_quote(said)} instead of {_quote(wanted)}"
    others = len(found.differences) - 1
    return f"{what}, and {others} other {'difference' if others == 1 else 'differences'}" if others else what


def _fault(text: str, severity: float) -> QualityFault:
    return QualityFault(FaultKind.WORDS, text, round(min(1.0, severity), 3))


def _quote(text: str) -> str:
    text = " ".join(text.split())
    return f"«{text if len(text) <= _QUOTED_CHARS else text[: _QUOTED_CHARS - 1].rstrip() + '…'}»"


def _num_letters(tokens: Sequence[Token]) -> int:
    return sum(token.num_letters for token in tokens)


def _slice(text: str, tokens: Sequence[Token]) -> str:
    return text[min(t.start for t in tokens) : max(t.end for t in tokens)] if tokens else ""
