"""Make a text safe to speak: nothing in it can act as one of the model's control tokens. Imports no torch.

The tokenizer is called with no special token allowed, so `<|im_end|>` in a text would only be spelt out as
characters. Removing the brackets keeps the model from stumbling over them.
"""

from __future__ import annotations

import re
import unicodedata

CONTROL_TOKEN = re.compile(r"<\|(.*?)\|>", re.DOTALL)
# The blocks that fish_speech's own text cleaning removes.
EMOJI = re.compile(
    "[\U0001f1e0-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\ufe0f]"
)
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'"})


def sanitise(text: str) -> str:
    """The text in NFC, on one line, without emoji, control characters or control tokens."""
    plain = unicodedata.normalize("NFC", text).translate(QUOTES)
    plain = CONTROL_TOKEN.sub(r" \1 ", plain).replace("<|", " ").replace("|>", " ")
    plain = EMOJI.sub("", plain)
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in plain)
    return " ".join(plain.split())


def has_speech(text: str) -> bool:
    """Whether the text holds a letter or a digit."""
    return any(c.isalnum() for c in text)
