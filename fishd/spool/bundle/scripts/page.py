"""Extracts from an XHTML page the paragraphs that a reader would read aloud.

Left out are scripts, styles, hidden elements, navigation, pictures, ruby readings, page numbers, footnotes
and the references to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fishd.spool.bundle.scripts.draft import has_words, speech
from fishd.spool.bundle.scripts.markup import End, Start, tokens

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK_NAMES = """
    address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure
    footer form header hr html li main ol p pre section summary table tbody tfoot thead tr ul
"""
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_SILENT_NAMES = """
    audio canvas head iframe math nav noscript object rp rt script select style svg template video
"""
_SILENT_ROLE_NAMES = """
    noteref footnote footnotes rearnote rearnotes endnote endnotes pagebreak page-list pagelist toc landmarks
"""  # of epub:type, and of ARIA behind "doc-"
_BLOCKS = frozenset((*_BLOCK_NAMES.split(), *_HEADINGS))
_VOID = frozenset(_VOID_NAMES.split())
_SILENT = frozenset(_SILENT_NAMES.split())
_SILENT_ROLES = frozenset(_SILENT_ROLE_NAMES.split())
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_NOTE_MARK = re.compile(r"[\[(]? ?(?:\d{1,3}|[*†‡§]{1,3}) ?[\])]?")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    r"""A paragraph or a heading; "\n" in its text is an intended line break.

    `anchors` are the ids that stand in it or between it and the paragraph before.
    """

    text: str
    heading: int = 0  # its level, 1 to 6
    anchors: tuple[str, ...] = ()


@dataclass(slots=True)
class _Open:
    """The state of reading a page: the paragraph so far, and the link or silent element that is open."""

    text: list[str] = field(default_factory=list[str])
    anchors: list[str] = field(default_factory=list[str])
    heading: int = 0
    link: list[str] | None = None  # the text of a link into the book
    is_preformatted: bool = False
    silent: str = ""  # the open element whose content is not spoken, and the depth of those of its name
    silent_depth: int = 0


def paragraphs(xhtml: str) -> Iterator[Paragraph]:
    """Every paragraph with a word in it."""
    page = _Open()
    for token in tokens(xhtml):
        if page.silent:
            _still_silent(page, token)
        elif isinstance(token, str):
            _add(page, token if page.is_preformatted else _SPACE.sub(" ", token))
        elif token.name in _BLOCKS:
            yield from _finished(page)
            _begin(page, token)
        else:
            _inline(page, token)
    yield from _finished(page)


def _still_silent(page: _Open, token: Start | End | str) -> None:
    if isinstance(token, str) or token.name != page.silent:
        return
    if isinstance(token, End):
        page.silent_depth -= 1
    elif not token.is_empty:
        page.silent_depth += 1
    if not page.silent_depth:
        page.silent = ""


def _begin(page: _Open, token: Start | End) -> None:
    page.heading = _HEADINGS.get(token.name, 0) if isinstance(token, Start) else 0
    if token.name == "pre":
        page.is_preformatted = isinstance(token, Start)
    if isinstance(token, Start):
        _note_attributes(page, token)


def _inline(page: _Open, token: Start | End) -> None:
    match token:
        case Start("br"):
            _add(page, "\n")
        case Start("td" | "th"):
            _part_cells(page)
        case Start("a") if "#" in token.attributes.get("href", ""):
            _end_link(page)
            page.link = []
        case End("a"):
            _end_link(page)
        case _:
            pass
    if isinstance(token, Start):
        _note_attributes(page, token)


def _note_attributes(page: _Open, token: Start) -> None:
    if not token.attributes and token.name not in _SILENT:
        return
    page.anchors += (id_ for key in ("id", "name") if (id_ := token.attributes.get(key)))
    if not token.is_empty and token.name not in _VOID and _is_silent(token.name, token.attributes):
        page.silent, page.silent_depth = token.name, 1


def _is_silent(name: str, attributes: Mapping[str, str]) -> bool:
    return (
        name in _SILENT
        or "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or not _SILENT_ROLES.isdisjoint(attributes.get("epub:type", "").split())
        or attributes.get("role", "").removeprefix("doc-") in _SILENT_ROLES
        or _HIDDEN_STYLE.search(attributes.get("style", "")) is not None
    )


def _end_link(page: _Open) -> None:
    """Keep the link's text, unless it is the mark of a note."""
    shown, page.link = "".join(page.link or ()), None
    if shown and not _NOTE_MARK.fullmatch(speech(shown)):
        _add(page, shown)


def _part_cells(page: _Open) -> None:
    while page.text and page.text[-1].isspace():
        page.text.pop()
    if page.text:
        page.text.append(", ")


def _add(page: _Open, text: str) -> None:
    if page.text or not text.isspace():
        (page.text if page.link is None else page.link).append(text)


def _finished(page: _Open) -> Iterator[Paragraph]:
    _end_link(page)
    written = "".join(page.text)
    if has_words(written):
        text = "\n".join(filter(None, map(speech, written.split("\n"))))
        yield Paragraph(text, page.heading, tuple(page.anchors))
        page.anchors.clear()
    page.text.clear()
