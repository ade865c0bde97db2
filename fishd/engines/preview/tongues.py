"""Languages: which voice speaks a language code, or why none does. Imports nothing heavy."""

from __future__ import annotations

import importlib.util
import re

ENGLISH = "en"
# The codes people write, and what espeak-ng calls them where it differs.
ESPEAK = {"zh": "cmn", "cn": "cmn", "cmn": "cmn", "yue": "yue", "no": "nb", "pt-br": "pt-br", "jp": "ja"}
SPOKEN = frozenset(
    "af am ar as az be bg bn bs ca cmn cs cy da de el eo es et eu fa fi fr ga gd gu he hi hr hu hy id is it ja "
    "ka kk kn ko ku ky la lb lt lv mi mk ml mr ms mt my nb ne nl or pa pl pt ro ru sd shn si sk sl sq sr sv sw "
    "ta te th tr tt ug uk ur uz vi yue".split()
)
EXTRA = "pip install 'fishd[languages]'"


def tongue_of(code: str) -> str:
    """The language of a code, lower case, without region or script: "en-US" -> "en", "ZH_cn" -> "cmn"."""
    first = re.split(r"[-_.@ ]", code.strip().lower())[0]
    return ESPEAK.get(first, first)


def is_english(code: str) -> bool:
    return tongue_of(code) == ENGLISH


def check_language(language: str) -> str | None:
    """None if the engine speaks it, else the fault and its mend."""
    tongue = tongue_of(language)
    if tongue == ENGLISH:
        return None
    if tongue not in SPOKEN:
        return f'language "{language}": the preview engine does not speak it; write a code like "en", "de" or "zh"'
    if importlib.util.find_spec("espeakng_loader") is None:
        return (
            f'language "{language}": the preview engine speaks English; for others install the extra '
            f'"languages" ({EXTRA})'
        )
    return None
