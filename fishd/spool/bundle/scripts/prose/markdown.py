"""Markdown (.md), as CommonMark has it, with tables: headings, paragraphs, lists and quotes are spoken.

Headings of the first two levels begin chapters. Code blocks, pictures, footnotes and struck out text are not
spoken. Front matter (YAML) gives title, author and language; else an only heading of level 1 is the title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from fishd.core.model.limits import MIB
from fishd.spool.bundle.scripts.draft import has_words, language_tag
from fishd.spool.bundle.scripts.page import Paragraph, paragraphs
from fishd.spool.bundle.scripts.prose.writer import ProseWriter

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from fishd.spool.bundle.scripts.draft import ScriptDraft

_CHAPTER_LEVELS = (1, 2)
_MOST_CHARS = 4 * MIB  # eighty hours of speech; a character can cost a hundred bytes of memory
_MOST_TOKENS = 600_000  # at 360 bytes each; a paragraph takes three
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n((?:\w[\w-]*[ \t]*:.*\n|-?[ \t#].*\n|\n)*+)(?:---|\.\.\.)[ \t]*(?:\n|$)"
)
_ENTRY = re.compile(r"^(title|author|lang|language)[ \t]*:(.*)$", re.MULTILINE)
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,40}\](:?)")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


class _TooManyTokensError(Exception):
    """A text of nothing but marks would fill the memory."""


class _Tokens(list["Token"]):
    """What markdown-it appends its tokens to."""

    def append(self, token: Token) -> None:
        if len(self) >= _MOST_TOKENS:
            raise _TooManyTokensError
        super().append(token)


def read_markdown(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    with suppress(_TooManyTokensError):
        if len(text) <= _MOST_CHARS:
            _read(text, draft)
            return
    draft.fault("", "is more Markdown than is read from one file; split it")


def _read(text: str, draft: ScriptDraft) -> None:
    front_matter = _FRONT_MATTER.match(text)
    body = text[front_matter.end() :] if front_matter else text
    first_line = text.count("\n", 0, len(text) - len(body)) + 1
    writer = ProseWriter(draft)
    titles: list[str] = []
    for line, block in _blocks(body, draft):
        if block.heading == 1:
            titles.append(block.text)
        if block.heading in _CHAPTER_LEVELS and has_words(block.text):
            writer.begin_chapter(block.text)
        writer.add(f":{first_line + line}", block.text)
    draft.title = titles[0] if len(titles) == 1 else ""
    if front_matter:
        _read_front_matter(front_matter[1], draft)


def _read_front_matter(yaml: str, draft: ScriptDraft) -> None:
    entries = {entry[1]: entry[2].strip().strip("\"'[]") for entry in _ENTRY.finditer(yaml)}
    draft.title = entries.get("title", draft.title)
    draft.author = entries.get("author", "")
    draft.language = language_tag(entries.get("language", entries.get("lang", "")))


def _blocks(body: str, draft: ScriptDraft) -> Iterator[tuple[int, Paragraph]]:
    """(line from 0, block) of what is spoken; a row of a table is a block."""
    markdown = _parser()
    references: dict[str, object] = {}
    heading, line = 0, 0
    row: list[str] | None = None
    tokens = _Tokens()
    markdown.block.parse(body, markdown, references, tokens)
    for token in tokens:
        line = token.map[0] if token.map else line
        match token.type:
            case "heading_open":
                heading = int(token.tag[1:])
            case "tr_open":
                row = []
            case "tr_close" if row is not None:
                yield line, Paragraph(", ".join(filter(has_words, row)))
                row = None
            case "inline" if row is not None:
                row.append(_spoken(token.content, markdown, references))
            case "inline" if not _is_footnote(token.content):
                yield line, Paragraph(_spoken(token.content, markdown, references), heading)
                heading = 0
            case "html_block":
                yield from ((line, block) for block in paragraphs(token.content))
            case "fence" | "code_block":
                draft.leave_out("because it is code", f"line {line + 1}")
            case _:
                pass


def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _is_footnote(content: str) -> bool:
    footnote = _FOOTNOTE.match(content)
    return footnote is not None and bool(footnote[1])


def _spoken(content: str, markdown: MarkdownIt, references: dict[str, object]) -> str:
    r"""Inline Markdown without its marks; "\n" stands for a hard line break."""
    children = _Tokens()
    markdown.inline.parse(_FOOTNOTE.sub("", content), markdown, references, children)
    spoken: list[str] = []
    num_struck = 0
    for token in children:
        num_struck += (token.type == "s_open") - (token.type == "s_close")
        if not num_struck:
            spoken.append(_text(token))
    return "".join(spoken)


def _text(token: Token) -> str:
    match token.type:
        case "text" | "text_special" | "code_inline":
            return token.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "html_inline":
            return "\n" if _LINE_BREAK.fullmatch(token.content) else ""
        case _:
            return ""
