"""Terms are replaced by their pronunciations: whole words, the longest first, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.text.pronounce import Pronunciations

REPLACEMENTS = {
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

EXAMPLES = {
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


@pytest.mark.parametrize(("text", "spoken"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_term_is_replaced_as_a_whole_word(text: str, spoken: str) -> None:
    """Whatever stands beside it."""
    assert spoken == Pronunciations(REPLACEMENTS).apply(text)


def test_a_replacement_is_not_replaced_again() -> None:
    """Two terms can be swapped."""
    assert "b a b" == Pronunciations({"a": "b", "b": "a"}).apply("a b a")


def test_an_empty_replacement_removes_the_term() -> None:
    """A blank term is ignored."""
    assert "say  please" == Pronunciations({"(sic)": "", " ": "x"}).apply("say (sic) please")


def test_without_terms_a_text_is_unchanged() -> None:
    """Not even its Unicode form changes."""
    assert "Zoe\u0308" == Pronunciations({}).apply("Zoe\u0308")


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=4), max_size=6), st.text())
def test_any_terms_and_any_text_have_a_result(replacements: dict[str, str], text: str) -> None:
    """No term is taken as a pattern, and none raises."""
    assert isinstance(Pronunciations(replacements).apply(text), str)
