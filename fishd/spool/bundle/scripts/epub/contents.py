"""Reads a book's table of contents: which chapter begins at which page or element.

Entries below the second level are sections of a chapter and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fishd.spool.bundle.scripts.draft import speech
from fishd.spool.bundle.scripts.epub.package import member_path
from fishd.spool.bundle.scripts.markup import End, Start, tokens

_DEEPEST = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A chapter's beginning: a page, and an element's id on it or "" for its top."""

    page: str
    fragment: str
    title: str


def nav_entries(xhtml: str, path: str) -> Iterator[Entry]:
    """Of the navigation document of EPUB 3: the links in the lists of `<nav epub:type="toc">`."""
    is_contents, depth = False, 0
    reference: str | None = None
    text: list[str] = []
    for token in tokens(xhtml):
        match token:
            case Start("nav"):
                is_contents = _is_contents(token)
            case End("nav"):
                is_contents = False
            case Start("ol"):
                depth += 1
            case End("ol"):
                depth -= 1
            case Start("a") if is_contents and depth <= _DEEPEST:
                reference, text = token.attributes.get("href"), []
            case End("a") if reference:
                yield Entry(*member_path(path, reference), speech("".join(text)))
                reference = None
            case str() if reference:
                text.append(token)
            case _:
                pass


def ncx_entries(xml: str, path: str) -> Iterator[Entry]:
    """Of the NCX file of EPUB 2: nested navPoints, each with a label and a source."""
    depth, in_label = 0, False
    text: list[str] = []
    for token in tokens(xml):
        match token:
            case Start("navpoint"):
                depth += 1
            case End("navpoint"):
                depth -= 1
            case Start("navlabel"):
                in_label, text = True, []
            case End("navlabel"):
                in_label = False
            case Start("content") if 0 < depth <= _DEEPEST and token.attributes.get("src"):
                yield Entry(*member_path(path, token.attributes["src"]), speech("".join(text)))
            case str() if in_label:
                text.append(token)
            case _:
                pass


def _is_contents(nav: Start) -> bool:
    return "toc" in nav.attributes.get("epub:type", "").split() or nav.attributes.get("role") == "doc-toc"
