"""Languages: which voice speaks a language code, or why none does. Imports nothing heavy."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

FindModule = Callable[[str], object]
ENGLISH = "en"
# What people write, where espeak-ng calls it otherwise.
ESPEAK = {
    "zh": "cmn",
    "cn": "cmn",
    "zh-hk": "yue",
    "zh-yue": "yue",
    "jp": "ja",
    "no": "nb",
    "nn": "nb",
    "pt-br": "pt-br",
    "es-419": "es-419",
}
SPOKEN = frozenset(
    """
    af am ar as az ba be bg bn bs ca cmn cs cy da de el eo es es-419 et eu fa fi fr ga gd gu haw he
    hi hr ht hu hy id is it ja ka kk kn ko kok ku ky la lb lt lv mi mk ml mr ms mt my nb ne nl or pa
    pl pt pt-br ro ru sd shn si sk sl sq sr sv sw ta te th tk tn tr tt ug uk ur uz vi yue
    """.split()  # noqa: SIM905 - a list literal would be ninety lines
)
EXTRA = "pip install 'fishd[languages]'"


def tongue_of(code: str) -> str:
    """A code's language as espeak-ng calls it: "en-US" -> "en", "ZH_cn" -> "cmn", "pt-BR" -> "pt-br"."""
    whole = code.strip().lower().replace("_", "-")
    first = whole.split("-")[0]
    return ESPEAK.get(whole) or ESPEAK.get(first, first)


def is_english(code: str) -> bool:
    return tongue_of(code) == ENGLISH


def check_language(language: str, find_module: FindModule = importlib.util.find_spec) -> str | None:
    """None if the engine speaks it, else the fault and its mend."""
    if is_english(language):
        return None
    if tongue_of(language) not in SPOKEN:
        return f'language "{language}": the preview engine does not speak it; write a code like "en" or "de"'
    if find_module("espeakng_loader") is None:
        return (
            f'language "{language}": the preview engine alone speaks English only; '
            f'for others install the extra "languages" ({EXTRA})'
        )
    return None
