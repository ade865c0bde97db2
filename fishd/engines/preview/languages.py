"""Languages: which of the two voices speaks a language code, or why neither does. Imports nothing heavy."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

FindModule = Callable[[str], object]
ENGLISH = "en"
# Common codes that espeak-ng names otherwise, and regional codes that are voices of their own.
ESPEAK_CODES = {
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
SUPPORTED = frozenset(
    """
    af am ar as az ba be bg bn bs ca cmn cs cy da de el eo es es-419 et eu fa fi fr ga gd gu haw he
    hi hr ht hu hy id is it ja ka kk kn ko kok ku ky la lb lt lv mi mk ml mr ms mt my nb ne nl or pa
    pl pt pt-br ro ru sd shn si sk sl sq sr sv sw ta te th tk tn tr tt ug uk ur uz vi yue
    """.split()  # noqa: SIM905 - a list literal would be ninety lines
)
EXTRA = "pip install 'fishd[languages]'"


def espeak_code(code: str) -> str:
    """A language code as espeak-ng names it: "en-US" -> "en", "ZH_cn" -> "cmn", "pt-BR" -> "pt-br"."""
    whole = code.strip().lower().replace("_", "-")
    first = whole.split("-")[0]
    return ESPEAK_CODES.get(whole) or ESPEAK_CODES.get(first, first)


def is_english(code: str) -> bool:
    return espeak_code(code) == ENGLISH


def check_language(language: str, find_module: FindModule = importlib.util.find_spec) -> str | None:
    """None if the engine speaks the language, else the fault and its fix."""
    if is_english(language):
        return None
    if espeak_code(language) not in SUPPORTED:
        return f'language "{language}": the preview engine does not speak it; write a code like "en" or "de"'
    if find_module("espeakng_loader") is None:
        return (
            f'language "{language}": without the extra "languages" the preview engine speaks English only; '
            f"install it: {EXTRA}"
        )
    return None
