"""Plain text and Markdown: paragraphs become segments, headings become chapters."""

from __future__ import annotations

import pytest

from fishd.spool.bundle.scripts.model import Break, Chapter, ScriptLine
from tests.shell.scripts import faults_of, good, read, texts, warnings_of

LINE, PARAGRAPH, CHAPTER = Break.LINE, Break.PARAGRAPH, Break.CHAPTER
WRAPPED = """It was the best of times, it was the worst of times, it was the age of
wisdom, it was the age of foolishness, it was the epoch of belief.

It was the epoch of incredulity, it was the season of Light, it was the
season of Darkness."""


def test_paragraphs_of_plain_text_are_parted_by_blank_lines() -> None:
    """Lines that an editor has wrapped are joined."""
    first = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of"
    second = "It was the epoch of incredulity, it was the season of Light, it was the season of Darkness."
    assert (
        ScriptLine("a.txt:1", f"{first} foolishness, it was the epoch of belief.", break_before=PARAGRAPH),
        ScriptLine("a.txt:4", second, break_before=PARAGRAPH),
    ) == good("a.txt", WRAPPED)


def test_verse_and_lists_keep_their_lines() -> None:
    """A line was ended by a person if the next word would have fitted."""
    verse = f"{WRAPPED}\n\nTyger Tyger, burning bright,\nIn the forests of the night;\n"
    lines = good("a.txt", verse)[-2:]
    assert ["Tyger Tyger, burning bright,", "In the forests of the night;"] == texts(lines)
    assert [PARAGRAPH, LINE] == [line.break_before for line in lines]
    assert ["One", "Two", "Three"] == texts(good("a.txt", "One\nTwo\nThree"))


def test_a_paragraph_may_stand_on_one_line() -> None:
    """As word processors save it; short paragraphs are paragraphs, too."""
    lines = good("a.txt", "word " * 60 + "\nShort.\n" + "word " * 30 + "\n")
    assert [("a.txt:1", PARAGRAPH), ("a.txt:2", PARAGRAPH), ("a.txt:3", PARAGRAPH)] == [
        (line.place, line.break_before) for line in lines
    ]


def test_segments_of_a_paragraph_are_lines_at_one_place() -> None:
    """The paragraph's break is before its first."""
    lines = good("a.txt", "This is one of forty sentences. " * 40)
    assert 5 == len(lines)
    assert [PARAGRAPH, LINE, LINE, LINE, LINE] == [line.break_before for line in lines]
    assert {"a.txt:1"} == {line.place for line in lines}


def test_what_has_no_word_is_left_out_of_prose() -> None:
    """Rules and asterisks between scenes."""
    assert ["One.", "Two."] == texts(good("a.txt", "One.\n\n* * *\n\n-----\n\n…\n\nTwo."))


def test_brackets_are_prose_unless_the_settings_say_otherwise() -> None:
    """A whole paragraph may stand in them."""
    text = "[He sighed.]\n\n♪ La\n"
    assert ["[He sighed.]", "♪ La"] == texts(good("a.txt", text))
    assert ["<[He sighed.]>", "♪ La"] == texts(good("a.txt", text, skip=("[",)))


def test_an_empty_text_is_a_fault() -> None:
    """There is nothing to speak."""
    assert ["a.txt: is empty (0 bytes)"] == faults_of(read("a.txt", b""))
    assert ["a.txt: holds nothing to speak"] == faults_of(read("a.txt", "\n \n***\n"))


BOOK = """---
title: "The Book"
author: Mara
lang: en-GB
tags:
  - one
---

Chapter One
===========

A paragraph with *emphasis*, **more**, `code`, a [link](http://a.b "title") and a
second line\\
and a break. ![alt](picture.png)

## Two & more

- one
- two
  1. three

> A quote.

| a | b |
|---|---|
| c |   |

### A section

Text[^1] with ~~no~~ yes&nbsp;&copy; \\*stars\\* and <b>tags</b><!-- comment --> and [ref].

[^1]: A footnote.

[ref]: http://a.b

<div>HTML <p>paragraphs</p></div>
"""


def test_markdown_is_read() -> None:
    """With its title page, chapters, lists, quotes, tables and HTML."""
    script = read("a.md", BOOK)
    assert ((), ()) == (script.faults, script.warnings)
    assert ("The Book", "Mara", "en-GB") == (script.title, script.author, script.language)
    assert (Chapter("Chapter One", 0), Chapter("Two & more", 3)) == script.chapters
    assert [
        ("a.md:9", CHAPTER, "Chapter One"),
        ("a.md:12", PARAGRAPH, "A paragraph with emphasis, more, code, a link and a second line"),
        ("a.md:12", LINE, "and a break."),
        ("a.md:16", CHAPTER, "Two & more"),
        ("a.md:18", PARAGRAPH, "one"),
        ("a.md:19", PARAGRAPH, "two"),
        ("a.md:20", PARAGRAPH, "three"),
        ("a.md:22", PARAGRAPH, "A quote."),
        ("a.md:24", PARAGRAPH, "a, b"),
        ("a.md:26", PARAGRAPH, "c"),
        ("a.md:28", PARAGRAPH, "A section"),
        ("a.md:30", PARAGRAPH, "Text with yes © *stars* and tags and ref."),
        ("a.md:36", PARAGRAPH, "HTML"),
        ("a.md:36", PARAGRAPH, "paragraphs"),
    ] == [(line.place, line.break_before, line.text) for line in script.lines]


def test_code_blocks_are_left_out_and_reported() -> None:
    """Nobody wants to hear them, but somebody may miss them."""
    script = read("a.md", "One.\n\n```python\nprint()\n```\n\n    more()\n")
    assert ["One."] == texts(script.lines)
    assert ["a.md: left out, because it is code: line 3, line 7"] == warnings_of(script)


@pytest.mark.parametrize(
    ("text", "title"), [("# A\n\nx\n\n## B\n", "A"), ("# A\n\nx\n\n# B\n", ""), ("x", ""), ("---\nx\n", "")]
)
def test_an_only_heading_of_the_first_level_is_the_title(text: str, title: str) -> None:
    """Two are chapters."""
    assert title == read("a.md", text).title


def test_an_empty_heading_begins_no_chapter() -> None:
    """It has no title."""
    assert () == read("a.md", "#\n\nText.\n").chapters


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    """Text between two rules is text."""
    assert ["Some text. More text."] == texts(good("a.md", "---\nSome text.\nMore text.\n\n---\n"))


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "*a ", "**a *", "[a](", "[a](<b", "- ", "> ", "<a ", "&amp", "a|b\n-|-\n", "[a]: b\n"],
)
@pytest.mark.timeout(60)
def test_markdown_that_costs_some_parsers_hours_is_read_in_seconds(piece: str) -> None:
    """Time grows with the text, not with its square."""
    read("a.md", piece * (200_000 // len(piece)))
