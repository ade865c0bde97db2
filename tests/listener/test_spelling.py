"""Numbers in words."""

from __future__ import annotations

import pytest

pytest.importorskip("num2words", reason="no num2words: pip install 'fishd[listen]'")

from fishd.listener.spelling import spell


@pytest.mark.parametrize(
    ("number", "language", "reading"),
    [
        ("21", "en", "twenty-one"),
        ("21", "en-GB", "twenty-first"),
        ("1984", "en", "nineteen eighty-four"),
        ("3.5", "en", "three point five"),
        ("21", "de", "einundzwanzig"),
        ("80", "fr", "quatre-vingts"),
        ("555", "en", "five five five"),
        (
            "12345678901234567",
            "en",
            "one two three four five six seven eight nine zero one two three four five six seven",
        ),
    ],
)
def test_a_number_has_its_usual_readings(number: str, language: str, reading: str):
    assert reading in spell(number, language)


@pytest.mark.parametrize("language", ["zh", "xx", ""])
def test_a_language_that_the_library_does_not_know_has_no_readings(language: str):
    assert () == spell("7", language)
