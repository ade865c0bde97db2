"""Text as the stock voice can take it: nothing that is not language, and no piece too long."""

from __future__ import annotations

import re
import unicodedata

MAX_PHONEMES = 300  # some 20 s of speech: more in one piece costs memory and loses the melody
CONTROL_TOKEN = re.compile(r"<\|([^|<>]*)\|>")
PHONEME_LINK = re.compile(r"\]\s*\(")  # "[word](/wɜːd/)" would be read as orders to hibari


class Unspeakable(Exception):  # noqa: N818 - reads as what it is
    """A text cannot be spoken, whatever the seed; the message says why."""


def plain(text: str) -> str:
    """The text without emoji, control characters and mark-up: control tokens read as their words."""
    text = CONTROL_TOKEN.sub(lambda token: " " + token[1].replace("_", " ") + " ", text)
    text = PHONEME_LINK.sub("] , (", unicodedata.normalize("NFC", text))
    return "".join(_shown(character) for character in text).strip()


def has_word(text: str) -> bool:
    """Whether anything in it could be said at all."""
    return any(character.isalnum() for character in text)


def split_phonemes(phonemes: str, most: int = MAX_PHONEMES) -> list[str]:
    """A sentence's phonemes in pieces no longer than `most`, cut at a comma or a space where there is one."""
    pieces = list[str]()
    while len(phonemes) > most:
        cut = max(phonemes.rfind(mark, most // 2, most) for mark in (", ", "; ", ": ", "— "))
        cut = cut + 1 if cut > 0 else phonemes.rfind(" ", 1, most)
        cut = cut if cut > 0 else most
        pieces.append(phonemes[:cut].strip())
        phonemes = phonemes[cut:].strip()
    return [*pieces, phonemes]


def _shown(character: str) -> str:
    if character in "\n\t" or not character.isprintable():
        return "\n" if character == "\n" else " "
    return " " if unicodedata.category(character) in {"So", "Sk", "Cn", "Co", "Cs"} else character
