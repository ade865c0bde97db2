"""The ways in which tokens can be read aloud: "20 %" is "twenty percent", "Dr" is "doctor" or "drive"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product

from fishd.core.quality.words.tokens import Token, tokenize

Spell = Callable[[str, str], Sequence[str]]  # (number, language) -> the number in words, in every usual way
MOST_READINGS = 64

_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "%": ("percent",),
        "&": ("and",),
        "+": ("plus",),
        "=": ("equals",),
        "@": ("at",),
        "°": ("degrees",),
        "$": ("dollars", "dollar", "bucks"),
        "€": ("euros", "euro"),
        "£": ("pounds", "pound"),
        "¥": ("yen",),
        "cant": ("can not", "cannot"),
        "cm": ("centimeters",),
        "co": ("company",),
        "dept": ("department",),
        "dont": ("do not",),
        "dr": ("doctor", "drive"),
        "etc": ("et cetera",),
        "ft": ("feet", "foot", "fort"),
        "gonna": ("going to",),
        "gotta": ("got to",),
        "inc": ("incorporated",),
        "jr": ("junior",),
        "kg": ("kilograms", "kilos"),
        "km": ("kilometers",),
        "lb": ("pounds",),
        "lbs": ("pounds",),
        "ltd": ("limited",),
        "mph": ("miles per hour",),
        "mr": ("mister",),
        "mrs": ("missus", "misses"),
        "mt": ("mount",),
        "no": ("number",),
        "ok": ("okay",),
        "oz": ("ounces",),
        "prof": ("professor",),
        "sgt": ("sergeant",),
        "sr": ("senior",),
        "st": ("saint", "street"),
        "vs": ("versus",),
        "wanna": ("want to",),
        "wont": ("will not",),
    },
    "de": {
        "%": ("prozent",),
        "&": ("und",),
        "€": ("euro",),
        "bzw": ("beziehungsweise",),
        "ca": ("circa",),
        "dr": ("doktor",),
        "hr": ("herr",),
        "st": ("sankt",),
        "str": ("strasse",),
        "usw": ("und so weiter",),
    },
    "es": {
        "%": ("por ciento",),
        "&": ("y",),
        "€": ("euros",),
        "$": ("dolares", "pesos"),
        "dr": ("doctor",),
        "dra": ("doctora",),
        "sr": ("senor",),
        "sra": ("senora",),
        "ud": ("usted",),
        "uds": ("ustedes",),
    },
    "fr": {
        "%": ("pour cent",),
        "&": ("et",),
        "€": ("euros", "euro"),
        "dr": ("docteur",),
        "m": ("monsieur",),
        "mlle": ("mademoiselle",),
        "mme": ("madame",),
        "st": ("saint",),
        "ste": ("sainte",),
    },
}


def spell_nothing(_number: str, _language: str) -> Sequence[str]:
    """Where no library spells numbers: digits and words are then compared leniently."""
    return ()


def readings(tokens: Sequence[Token], language: str, spell: Spell) -> Iterator[tuple[str, ...]]:
    """The tokens' words in every usual way of reading them, as they are first; at most MOST_READINGS."""
    choices = [list(_choices(token.word, language, spell)) for token in tokens]
    for choice in islice(product(*choices), MOST_READINGS):
        yield tuple(word for words in choice for word in words)


def _choices(word: str, language: str, spell: Spell) -> Iterator[tuple[str, ...]]:
    yield (word,)
    known = _WORDS.get(language.lower().partition("-")[0], {}).get(word, ())
    spelled = spell(word, language) if word[0].isdigit() else ()
    for text in (*known, *spelled):
        words = tuple(token.word for token in tokenize(text))
        yield words
        if word[0].isdigit() and "and" in words:  # one hundred (and) five
            yield tuple(w for w in words if w != "and")
