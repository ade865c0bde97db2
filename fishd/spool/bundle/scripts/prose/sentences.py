"""Splits a paragraph at sentence ends into segments that are short enough for one take.

By rules, without a model: a sentence ends at a stop that is followed by a space and no lower-case letter,
unless the stop belongs to an abbreviation, an initial or an ordinal. In doubt nothing is split: two
sentences in one segment sound better than one in two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

SEGMENT_CHARS = 300
DENSE_SEGMENT_CHARS = 100  # of Chinese and Japanese, where a character takes three times as long to say

_CLOSERS = r"\"'”’»›)\]}」』）】》〉］"
_ALSO_CLOSERS = "“‘«‹"  # of German and Danish; in a script without spaces they rather open
_OPENERS = "\"'“‘„‚«‹»›([{¿¡–—-"
# A stop before a space; only where a run of stops begins, so that long runs cost no more than short ones. No
# possessive group: Python before 3.11.5 matches those wrongly.
_SPACED_STOP = rf"(?<![.!?…‽؟۔])[.!?…‽؟۔]++(?:[{_CLOSERS}{_ALSO_CLOSERS}]|\s[»›](?=\s|$))*(?=\s|$)"
_STOP_WITHOUT_SPACE = rf"[。！？｡।॥።။។][{_CLOSERS}。！？｡।॥]*+"
_SENTENCE_END = re.compile(rf"{_SPACED_STOP}|{_STOP_WITHOUT_SPACE}")
_CLAUSE_END = re.compile(rf"[,;:،؛–…][{_CLOSERS}{_ALSO_CLOSERS}]*+(?=\s)|[—，、；：][{_CLOSERS}]*+")
_LAST_WORD = re.compile(rf"[^\s{_CLOSERS}(\[{{„«–—-]*$")
_WORD_CHARS = 20
_LETTERS_AND_STOPS = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")  # z.B, e.g, U.S
_NEVER_LAST = """
    mr mrs ms mx dr prof st mt ft rev fr gen col capt cpt lt sgt maj cmdr adm gov sen rep hon pres supt messrs
    mme mlle mgr vs cf viz approx ca no nos nr vol vols pp fig figs ed eds sec ch art op dept est
    hr hrn str bzw evtl ggf inkl abb bd vgl sog tel geb gest sr sra srta dra dott sig ing avv
    jan feb mar apr jun jul aug sep sept oct okt nov dec dez
"""  # abbreviations; "etc." and "a.m." may end a sentence
_ABBREVIATIONS = frozenset(_NEVER_LAST.split())
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def segments(paragraph: str) -> Iterator[str]:
    """The paragraph, whose white space is collapsed, in parts of whole sentences as far as they fit."""
    limit = SEGMENT_CHARS if len(_DENSE.findall(paragraph)) * 2 < len(paragraph) else DENSE_SEGMENT_CHARS
    segment = ""
    for part in _parts(paragraph, limit):
        if segment and len(segment) + len(part.rstrip()) > limit:
            yield segment.rstrip()
            segment = ""
        segment += part
    if segment.strip():
        yield segment.rstrip()


def sentence_ends(paragraph: str) -> Iterator[int]:
    """Where the next sentence begins, behind the space; the end of the paragraph is the last."""
    for stop in _SENTENCE_END.finditer(paragraph):
        if stop.end() < len(paragraph) and _ends_sentence(paragraph, stop):
            yield stop.end() + (paragraph[stop.end()] == " ")
    yield len(paragraph)


def _parts(paragraph: str, limit: int) -> Iterator[str]:
    """Sentences with the space behind them; those that are too long in pieces."""
    start = 0
    for end in sentence_ends(paragraph):
        while end - start - (paragraph[end - 1 : end] == " ") > limit:
            cut = start + _cut(paragraph[start : start + limit + 1])
            yield paragraph[start:cut]
            start = cut
        yield paragraph[start:end]
        start = end


def _ends_sentence(paragraph: str, stop: re.Match[str]) -> bool:
    if not paragraph[stop.end()].isspace():  # a stop that needs no space
        return True
    following = paragraph[stop.end() : stop.end() + 8].lstrip().lstrip(_OPENERS).lstrip()
    if following[:1].islower():
        return False
    return stop[0].strip("\"'”’") != "." or not _is_abbreviated(paragraph, stop.start())


def _is_abbreviated(paragraph: str, stop: int) -> bool:
    """Whether the stop belongs to the word before it."""
    last = _LAST_WORD.search(paragraph, max(0, stop - _WORD_CHARS), stop)
    word = last[0] if last else ""
    if len(word) == 1 and word != "I":  # "J. R. R. Tolkien", "z. B."; "I" is rather a pronoun
        return word.lower() != word.upper() or word.isdigit()
    if len(word) == 2 and word.isdecimal():  # "am 12. Mai"
        return True
    return word.lower() in _ABBREVIATIONS or _LETTERS_AND_STOPS.fullmatch(word) is not None


def _cut(text: str) -> int:
    """Where to cut a sentence that is longer than this text: behind a clause, a word, or else a character."""
    clauses = _CLAUSE_END.finditer(text, len(text) // 3)
    if ends := [clause.end() for clause in clauses if clause.end() < len(text)]:
        return ends[-1] + (text[ends[-1]] == " ")
    if (space := text.rfind(" ", 1)) > 0:
        return space + 1
    at = len(text) - 1
    while at > 1 and _is_joined(text[at - 1], text[at]):
        at -= 1
    return at if at > 1 else len(text) - 1


def _is_joined(before: str, after: str) -> bool:
    """Whether two characters belong to one grapheme: marks, joined emoji, skin tones, flags, jamo."""
    return (
        unicodedata.category(after)[0] == "M"
        or "\u200c" in (before, after)
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
        or ("\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff")
    )
