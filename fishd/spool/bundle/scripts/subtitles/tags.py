"""Markup in the text of SubRip and WebVTT cues."""

from __future__ import annotations

import re

from fishd.spool.bundle.scripts.markup import unescape

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_RUBY = re.compile(r"<rt[ >][^<]*</rt>|<rt>[^<]*")  # a reading, beside the word it is of
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|</>|\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}")


def without_tags(text: str) -> str:
    r"""The text without `<i>`, `<00:01.000>` and `{\an8}`; entities decoded, "I <3 you" kept."""
    if "<" in text or "{" in text:
        text = _TAG.sub("", _RUBY.sub("", _BREAK.sub("\n", text)))
    return unescape(text)
