"""A line of text made safe to speak: nothing in it can act as one of the model's control tokens.

The tokeniser is called with no special token allowed, so `<|im_end|>` in a text would only ever be spelt
out as characters; taking the brackets off keeps the model from stumbling over them. No torch in here.
"""

from __future__ import annotations

import re
import unicodedata

CONTROL_TOKEN = re.compile(r"<\|(.*?)\|>", re.DOTALL)
# As the package's own text cleaning does: these blocks are pictures, and have no sound.
PICTURES = re.compile(
    "[\U0001f1e0-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\ufe0f]"
)
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'"})


def sanitise(text: str) -> str:
    """The text in NFC, on one line, without pictures, control characters or control tokens."""
    plain = unicodedata.normalize("NFC", text).translate(QUOTES)
    plain = CONTROL_TOKEN.sub(r" \1 ", plain).replace("<|", " ").replace("|>", " ")
    plain = PICTURES.sub("", plain)
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in plain)
    return " ".join(plain.split())


def has_speech(text: str) -> bool:
    """Is there a letter or a digit in it?"""
    return any(c.isalnum() for c in text)
