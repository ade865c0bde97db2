"""The speaker of a line, where the script writes the name before it or above it.

A name before a line (`MARA: Hello`) counts if it is one of the job's speakers or their aliases, or stands in
capitals: "Note: this" and "He said: no" are speech. What an extension adds to a name (`MARA (V.O.)`) is
dropped, unless the name with it is an alias.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fishd.spool.bundle.scripts.draft import speech

_NAME_CHARS = 40
_CAPITALS_CHARS = 30
_CAPITALS_WORDS = 4
_PREFIX = re.compile(rf"([^:：]{{1,{_NAME_CHARS}}})(?::(?=\s|$)|：)\s*")
_EXTENSION = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])")
_IN_CAPITALS = re.compile(r"[^\W_][\w .,'’&#/-]*")


class SpeakerNames:
    """The names that are known, in any case."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = {fold(name) for name in known}

    def split(self, line: str) -> tuple[str, str]:
        """The speaker named at the start of a line and the rest; ("", line) if there is none."""
        prefix = _PREFIX.match(line)
        if prefix is None:
            return "", line
        name = self.without_extension(prefix[1])
        if self.is_known(name) or _is_in_capitals(name):
            return name, line[prefix.end() :]
        return "", line

    def without_extension(self, written: str) -> str:
        """`MARA (V.O.)` -> `MARA`, unless the whole is known."""
        name = speech(written)
        return name if self.is_known(name) else speech(_EXTENSION.sub("", name)) or name

    def is_known(self, name: str) -> bool:
        """Whether it is a speaker of the job or an alias."""
        return fold(name) in self._known


def fold(name: str) -> str:
    """Equal for names that differ in case, in spaces or in their Unicode form only."""
    return unicodedata.normalize("NFKC", speech(name)).casefold()


def _is_in_capitals(name: str) -> bool:
    return (
        1 < len(name) <= _CAPITALS_CHARS
        and len(name.split()) <= _CAPITALS_WORDS
        and name.isupper()
        and _IN_CAPITALS.fullmatch(name) is not None
    )
