"""Paragraphs are split at the ends of sentences, and nowhere else if that can be helped."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.spool.bundle.scripts.prose.sentences import SEGMENT_CHARS, segments, sentence_ends

# Sentences, parted by | where the next begins.
SENTENCES = {
    "stops": "He came. |She left! |Did they meet? |No… |Never... |Why?! |So be it.",
    "titles": "Mr. Smith and Dr. Brown met Prof. Lee. |St. Mary's was closed.",
    "abbreviations": "Take fruit, e.g. Apples, i.e. Boskoop, vs. Pears. |That is cf. No. 7 on p. 9.",
    "abbreviations that may end": "Apples, pears, etc. |We ate at 5 p.m. Then we left.",
    "German abbreviations": "Obst, z.B. Äpfel, z. B. Birnen, d.h. Obst bzw. Gemüse. |Gut.",
    "German ordinals": "Am 3. Oktober, am 12. Mai, ca. 12 Uhr. |Gut.",
    "French abbreviations": "M. Dupont et Mme. Curie sont là. |Bien.",
    "initials": "J. R. R. Tolkien met C.S. Lewis in the U.S. Army. |So did I. |It was late.",
    "decimals": "It is 3.14 or 1.000,50 or v2.0. |Right.",
    "small letters": "“What?” he said. |He paused... and went on. |Yahoo! is one.",
    "quotes": "“Stop.” |“Why?” |She asked ‘now.’ |Yes. |“No.”",
    "German quotes": "Er sagte: „Komm.“ |Dann ging er. |»Ja.« |«Non ?» |Bien.",
    "French spaces": "« Où ? » |Là. |Oui ! |Non.",
    "brackets": "He left. |(She did not.) |[They stayed.] |All.",
    "openers": "¿Qué? |¡No! |¿Sí? |— Vamos.",
    "Chinese": "你好。|你在哪里？|“我不知道！”|他说……好。|走吧。",
    "Japanese": "「はい。」|そうです。|本当！？|ええ。",
    "Hindi": "वह आया। |वह गया। |क्यों?",
    "Arabic": "أين أنت؟ |أنا هنا. |حسنا!",
    "Urdu": "وہ آیا۔ |وہ گیا۔",
    "Greek": "Γεια σου. |Τι κάνεις;",
    "digits": "It was 1984. |1985 came. |In 2 days.",
    "no stop": "No stop at the end",
    "stops alone": "...",
}


@pytest.mark.parametrize("marked", SENTENCES.values(), ids=SENTENCES.keys())
def test_sentences_end_where_a_reader_would_end_them(marked: str) -> None:
    """In many scripts, with abbreviations, quotes and brackets."""
    paragraph = marked.replace("|", "")
    starts = [0, *sentence_ends(paragraph)]
    assert marked == "|".join(paragraph[start:end] for start, end in pairwise(starts))


def test_a_short_paragraph_is_one_segment() -> None:
    """Engines speak whole paragraphs better than sentences."""
    assert ["One. Two. Three."] == list(segments("One. Two. Three."))


def test_a_long_paragraph_is_filled_into_segments_of_whole_sentences() -> None:
    """As many as fit."""
    sentence = "This sentence has exactly fifty characters, it has."
    parts = list(segments(" ".join([sentence] * 12)))
    assert [" ".join([sentence] * 5)] * 2 + [" ".join([sentence] * 2)] == parts


def test_a_long_sentence_is_split_behind_a_clause() -> None:
    """Rather than behind any word."""
    clause = "and on and on it went without an end"
    sentence = ", ".join([clause] * 12) + "."
    parts = list(segments(sentence))
    assert sentence == " ".join(parts)
    assert all(part.endswith((",", ".")) for part in parts)


def test_a_long_clause_is_split_behind_a_word() -> None:
    """Never inside one."""
    sentence = " ".join(["word"] * 200) + "."
    parts = list(segments(sentence))
    assert sentence == " ".join(parts)
    assert SEGMENT_CHARS - 5 < len(parts[0]) <= SEGMENT_CHARS


def test_numbers_are_not_split_at_their_commas() -> None:
    """A clause ends in front of a space."""
    assert all(re.fullmatch("(1,000 ?)+", part) for part in segments("1,000 " * 100 + "1,000"))


def test_chinese_and_japanese_segments_are_shorter() -> None:
    """A hundred characters of them take as long to say as three hundred letters."""
    text = "你好，你在哪里？" * 50
    parts = list(segments(text))
    assert text == "".join(parts)
    assert 96 == max(map(len, parts))


def test_a_text_without_spaces_is_not_split_inside_a_character() -> None:
    """Marks, joined emoji, flags and skin tones stay with what they are on."""
    for cluster in ("e\u0301\u0323", "👩\u200d👩\u200d👧", "👍🏽", "กำ\u0e49"):
        parts = list(segments(cluster * 300))
        assert cluster * 300 == "".join(parts)
        assert all(len(part) <= SEGMENT_CHARS for part in parts)
        assert all(unicodedata.category(part[0])[0] != "M" and part[0] not in "\u200d🏽" for part in parts)


@given(st.text(st.sampled_from("aB1 .!?…,;:—“”)(。，é\u0301ा。"), max_size=1_500))
def test_segments_hold_the_whole_text_and_are_never_too_long(text: str) -> None:
    """Whatever stands in it."""
    paragraph = " ".join(text.split())
    parts = list(segments(paragraph))
    assert paragraph.replace(" ", "") == "".join(parts).replace(" ", "")
    assert all(0 < len(part) <= SEGMENT_CHARS for part in parts)


@pytest.mark.parametrize("piece", [".", "a.", "! ", ".)", "a, ", "\u0301", "。", "a", "Mr. ", '"', "— "])
@pytest.mark.timeout(60)
def test_a_megabyte_of_anything_is_split_in_seconds(piece: str) -> None:
    """Time grows with the text, not with its square."""
    for _ in segments(piece * (1_000_000 // len(piece))):
        pass
