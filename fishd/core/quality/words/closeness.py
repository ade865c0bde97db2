"""How alike two words are, in writing or in sound: a name may be spelled otherwise and be said well."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

NEAR = 0.7  # closer words are taken for two spellings of one
_SAME_SOUND = (  # in any language that is written so, roughly; the order matters
    (re.compile("ph"), "f"),
    (re.compile("sch|ch|sh|cz|š|č"), "x"),
    (re.compile("ck|[cq]"), "k"),
    (re.compile("[dt]h?"), "t"),
    (re.compile("[vw]"), "f"),
    (re.compile("[gj]h?"), "j"),
    (re.compile("z"), "s"),
    (re.compile("[bp]"), "p"),
    (re.compile("(?<=.)[aeiouyhæøœı]+"), "a"),
    (re.compile(r"(.)\1+"), r"\1"),
    (re.compile("(?<=..)a$"), ""),
)


@lru_cache(maxsize=4096)
def closeness(one: str, other: str) -> float:
    """0: nothing in common, 1: the same. Both are normalized."""
    if one == other:
        return 1.0
    shorter, longer = sorted((len(one), len(other)))
    if shorter * 3 < longer:
        return 0.0
    sounds = _sound(one), _sound(other)
    alike = 0.95 if sounds[0] == sounds[1] and len(sounds[0]) > 1 else 0.0
    return max(alike, SequenceMatcher(None, one, other, autojunk=False).ratio())


@lru_cache(maxsize=4096)
def _sound(word: str) -> str:
    for pattern, sound in _SAME_SOUND:
        word = pattern.sub(sound, word)
    return word
