"""The XML files that describe an EPUB: container, package document, encryption.

EPUB 2 and 3 are read together (https://www.w3.org/TR/epub-33/, sections 4 and 5); the newer form wins.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from fishd.spool.bundle.scripts.draft import language_tag, speech
from fishd.spool.bundle.scripts.markup import End, Start, tokens

_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # is no DRM
_NCX = "application/x-dtbncx+xml"
_PICTURES = ("image/jpeg", "image/jpg", "image/png")
_NO_PAGES = ("image/", "audio/", "video/", "font/")
_WITH_ATTRIBUTES = ("item", "itemref", "reference", "meta")
_WITH_TEXT = ("title", "creator", "language", "meta")


@dataclass(frozen=True, slots=True)
class Package:
    """What the package document says. Paths are of members; "" where there is none."""

    title: str
    author: str
    language: str
    pages: tuple[str, ...]  # in reading order
    unknown: tuple[str, ...]  # what the reading order names and the manifest does not
    nav: str  # the table of contents of EPUB 3
    ncx: str  # that of EPUB 2
    cover: str


@dataclass(slots=True)
class _Elements:
    """A package document's elements: their attributes by name, and those with text."""

    attributes: dict[str, list[Mapping[str, str]]] = field(default_factory=dict[str, list[Mapping[str, str]]])
    texts: list[tuple[Start, str]] = field(default_factory=list[tuple[Start, str]])

    def of(self, name: str) -> Sequence[Mapping[str, str]]:
        return self.attributes.get(name, [])

    def first_text(self, name: str) -> str:
        return next((text for element, text in self.texts if element.name == name and text), "")


def package_path(container: str) -> str:
    """Where the package document is, by META-INF/container.xml; "" if it does not say."""
    for token in tokens(container):
        if isinstance(token, Start) and token.name == "rootfile" and token.attributes.get("full-path"):
            return token.attributes["full-path"]
    return ""


def is_protected(encryption: str) -> bool:
    """Whether META-INF/encryption.xml encrypts more than fonts: then the book has DRM."""
    return any(
        token.attributes.get("algorithm") not in _FONT_OBFUSCATION
        for token in tokens(encryption)
        if isinstance(token, Start) and token.name == "encryptionmethod"
    )


def parse_package(opf: str, path: str) -> Package:
    """The package document at `path`; what it lacks is empty."""
    elements = _elements(opf)
    items = {item["id"]: item for item in elements.of("item") if item.get("id") and item.get("href")}
    paths = {id_: member_path(path, item["href"])[0] for id_, item in items.items()}
    nav = paths.get(_with_property(items, "nav"), "")
    spine = [itemref.get("idref", "") for itemref in elements.of("itemref") if itemref.get("linear") != "no"]
    not_spoken = {nav, *_contents_pages(elements, path)}
    pages = [paths[id_] for id_ in spine if id_ in items and not _is_media(items[id_])]
    return Package(
        title=elements.first_text("title"),
        author=_author(elements),
        language=language_tag(elements.first_text("language")),
        pages=tuple(page for page in dict.fromkeys(pages) if page not in not_spoken),
        unknown=tuple(id_ for id_ in dict.fromkeys(spine) if id_ not in items),
        nav=nav,
        ncx=next((paths[id_] for id_, item in items.items() if item.get("media-type") == _NCX), ""),
        cover=paths.get(_cover(elements, items), ""),
    )


def member_path(base: str, reference: str) -> tuple[str, str]:
    """(path, fragment) of what a member at `base` refers to. One that leads out of the book is no member."""
    path, _, fragment = reference.partition("#")
    if not path:
        return base, unquote(fragment)
    joined = posixpath.join(posixpath.dirname(base), unquote(path))
    return posixpath.normpath(joined).lstrip("/"), unquote(fragment)


def _elements(opf: str) -> _Elements:
    elements = _Elements()
    element: Start | None = None
    text: list[str] = []
    for token in tokens(opf):
        match token:
            case Start():
                if token.name in _WITH_ATTRIBUTES:
                    elements.attributes.setdefault(token.name, []).append(token.attributes)
                if token.name in _WITH_TEXT and not token.is_empty:
                    element, text = token, []
            case End() if element and token.name == element.name:
                elements.texts.append((element, speech("".join(text))))
                element = None
            case str() if element:
                text.append(token)
            case _:
                pass
    return elements


def _author(elements: _Elements) -> str:
    """Who is marked as author (`aut`), else every creator."""
    refined = {
        element.attributes.get("refines", "").removeprefix("#"): text
        for element, text in elements.texts
        if element.attributes.get("property") == "role"
    }
    creators = [(element.attributes, text) for element, text in elements.texts if element.name == "creator"]
    authors = [
        text
        for attributes, text in creators
        if "aut" in (attributes.get("opf:role"), refined.get(attributes.get("id", "")))
    ]
    return ", ".join(filter(None, authors or [text for _, text in creators]))


def _contents_pages(elements: _Elements, path: str) -> Sequence[str]:
    """Pages that hold a table of contents, by the guide of EPUB 2."""
    guide = (reference for reference in elements.of("reference") if reference.get("type") == "toc")
    return [member_path(path, reference.get("href", ""))[0] for reference in guide]


def _cover(elements: _Elements, items: Mapping[str, Mapping[str, str]]) -> str:
    """The id of the cover's picture: by its property, by the metadata of EPUB 2, or by its name."""
    named = next((meta.get("content", "") for meta in elements.of("meta") if meta.get("name") == "cover"), "")
    by_name = (
        id_
        for id_, item in items.items()
        if item.get("media-type") in _PICTURES and "cover" in f"{id_} {item['href']}".lower()
    )
    return _with_property(items, "cover-image") or (named if named in items else next(by_name, ""))


def _with_property(items: Mapping[str, Mapping[str, str]], name: str) -> str:
    return next((id_ for id_, item in items.items() if name in item.get("properties", "").split()), "")


def _is_media(item: Mapping[str, str]) -> bool:
    return item.get("media-type", "").startswith(_NO_PAGES)
