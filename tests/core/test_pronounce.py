"""Terms are exchanged for how they are said: whole words, the longest first, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.text.pronounce import Pronunciations

SAID = {
    "Siobhan": "Shivawn",
    "SQL": "sequel",
    "New York": "Noo Yawk",
    "York": "Yawk",
    "can": "kan",
    "RE": "regarding",
    "C++": "see plus plus",
    ".NET": "dot net",
    "Zoë": "Zowie",
    "数据": "shuju",
    "서울": "Seoul",
    "नम": "nam",
}

SPOKEN = {
    "beside punctuation": ("SQL, (SQL) “SQL”.", "sequel, (sequel) “sequel”."),
    "in any case": ("sql and Sql", "sequel and sequel"),
    "in a compound": ("SQL-based", "sequel-based"),
    "with a possessive": ("Siobhan's and Siobhan’s", "Shivawn's and Shivawn’s"),
    "not inside a word": ("SQLite MySQL SQL_x SQL2", "SQLite MySQL SQL_x SQL2"),
    "not in a contraction": ("I can, I can't, we can’t, we're", "I kan, I can't, we can’t, we're"),
    "the longest first": ("New York, York, New Yorker", "Noo Yawk, Yawk, New Yorker"),
    "across any white space": ("New\n  York", "Noo Yawk"),
    "ends that are no letters": ("C++, C++11 and .NET", "see plus plus, see plus plus11 and dot net"),
    "letters and marks apart": ("Zoe\u0308's", "Zowie's"),
    "Chinese, which has no spaces": ("我用SQL数据库", "我用sequelshuju库"),
    "Korean, with a particle": ("서울에서", "Seoul에서"),
    "not before a mark": ("नम नम्", "nam नम्"),
    "behind an elision": ("l'SQL", "l'sequel"),
}


@pytest.mark.parametrize(("text", "spoken"), SPOKEN.values(), ids=SPOKEN.keys())
def test_a_term_is_exchanged_as_a_whole_word(text: str, spoken: str) -> None:
    """Wherever a reader would see the term."""
    assert spoken == Pronunciations(SAID).apply(text)


def test_what_was_put_in_is_not_exchanged_again() -> None:
    """Otherwise a to b and b to a would not be possible."""
    assert "b a b" == Pronunciations({"a": "b", "b": "a"}).apply("a b a")


def test_a_term_may_be_left_unsaid() -> None:
    """An empty pronunciation removes the term; one without a letter to find is ignored."""
    assert "say  please" == Pronunciations({"(sic)": "", " ": "x"}).apply("say (sic) please")


def test_without_terms_a_text_stays_as_it_is() -> None:
    """Not even its Unicode form changes."""
    assert "Zoe\u0308" == Pronunciations({}).apply("Zoe\u0308")


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=4), max_size=6), st.text())
def test_any_terms_and_any_text_have_a_result(said: dict[str, str], text: str) -> None:
    """Terms are the user's: none is a pattern, and none makes it fail."""
    assert isinstance(Pronunciations(said).apply(text), str)
