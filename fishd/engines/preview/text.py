"""Cleaning text for speech: only what belongs to a language is kept."""

from __future__ import annotations

import re
import unicodedata

CONTROL_TOKEN = re.compile(r"<\|([^|<>]*)\|>")
PHONEME_LINK = re.compile(r"\]\s*\(")  # hibari reads "[word](/wɜːd/)" as a pronunciation


class UnspeakableText(Exception):  # noqa: N818 - reads as what it is
    """A text that cannot be spoken with any seed; the message says why."""


def clean(text: str) -> str:
    """The text without emoji, control characters and mark-up; control tokens become their words."""
    text = CONTROL_TOKEN.sub(lambda token: " " + token[1].replace("_", " ") + " ", text)
    text = PHONEME_LINK.sub("] , (", unicodedata.normalize("NFC", text))
    return "".join(_speakable(character) for character in text).strip()


def has_word(text: str) -> bool:
    """Whether the text holds a letter or a digit."""
    return any(character.isalnum() for character in text)


def _speakable(character: str) -> str:
    if character in "\n\t" or not character.isprintable():
        return "\n" if character == "\n" else " "
    return " " if unicodedata.category(character) in {"So", "Sk", "Cn", "Co", "Cs"} else character
