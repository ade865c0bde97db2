"""Words or phrases that were heard more often in a row than the text has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

LONGEST_PHRASE = 12
EXTRA_LETTERS = 8  # repeated beyond the text: less is a stutter, or a laugh of another length


def extra_repeat(text: Sequence[str], heard: Sequence[str]) -> tuple[int, int] | None:
    """Where in `heard` a phrase is that the text repeats less often; the longest repetition.

    The phrase must be the text's, or as much more must be heard than is written: for "Marigold, Marigold" one
    may hear "there a gold" twice.
    """
    wanted: dict[tuple[str, ...], int] = {}
    for phrase, times, _ in _runs(text):
        wanted[phrase] = max(times, wanted.get(phrase, 0))
    heard_too_much = sum(map(len, heard)) - sum(map(len, text))
    worst, found = EXTRA_LETTERS - 1, None
    for phrase, times, start in _runs(heard):
        extra = (times - wanted.get(phrase, 1)) * sum(map(len, phrase))
        if extra > worst and (heard_too_much > 0.7 * extra or contains(text, phrase)):
            worst, found = extra, (start, start + len(phrase))
    return found


def contains(words: Sequence[str], phrase: tuple[str, ...]) -> bool:
    """Does the phrase stand somewhere in the words?"""
    return any(tuple(words[at : at + len(phrase)]) == phrase for at in range(len(words)))


def _runs(words: Sequence[str]) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Phrases that stand at least twice in a row: (phrase, times, where the first one begins)."""
    for length in range(1, min(LONGEST_PHRASE, len(words) // 2) + 1):
        at = 0
        while at + 2 * length <= len(words):
            phrase = tuple(words[at : at + length])
            end = at + length
            while tuple(words[end : end + length]) == phrase:
                end += length
            times = (end - at) // length
            if times > 1:
                yield phrase, times, at
            at = end - length + 1 if times > 1 else at + 1
