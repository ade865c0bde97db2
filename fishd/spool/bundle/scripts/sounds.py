"""Sound descriptions and songs in a line of dialogue.

`[door slams]`, `(sighs)`, `♪ la la ♪`, `# la la #` and `*music*` are not spoken. Square brackets are removed
wherever they stand, round ones only where a sentence could begin: "(sort of)" inside one is speech.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fishd.spool.bundle.scripts.draft import has_words, speech

_NOTES = "♩♪♫♬🎵🎶"
_SONG_LINE = re.compile(rf"#.*#|\*[^*]*\*|[^{_NOTES}]*[{_NOTES}]+", re.DOTALL)
_SONG = re.compile(rf"[{_NOTES}]+[^{_NOTES}]*[{_NOTES}]*")
_BRACKETS = re.compile(r"\[[^\[\]]*\]|［[^［］]*］")
_PARENTHESES = re.compile(r"(^|[.!?…])\s*(?:\([^()]*\)|（[^（）]*）)")


def spoken_part(lines: Sequence[str], skip: tuple[str, ...] | None) -> tuple[str, bool]:
    """The text to speak of one utterance, and whether it is skipped; then the whole text is returned.

    `skip` are beginnings of texts that are not spoken, in place of sounds and songs.
    """
    whole = speech(" ".join(lines))
    if skip is not None:
        return whole, whole.startswith(skip) or not has_words(whole)
    spoken = _without_sounds(lines)
    return (spoken, False) if has_words(spoken) else (whole, True)


def _without_sounds(lines: Sequence[str]) -> str:
    text = "\n".join(line for line in lines if not _SONG_LINE.fullmatch(line.strip()))
    text = _BRACKETS.sub(" ", _SONG.sub(" ", text))
    return speech(_PARENTHESES.sub(r"\1 ", text.strip()))
