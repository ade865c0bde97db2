"""EPUB (.epub): the pages of the spine as prose, with the chapters of the table of contents.

The archive and everything in it is untrusted; pictures are not read, but for the cover.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fishd.core.model.limits import MIB
from fishd.spool.bundle.scripts.decode import decode, is_encoding
from fishd.spool.bundle.scripts.draft import quoted
from fishd.spool.bundle.scripts.epub.archive import BadBookError, BadMemberError, BookArchive, member_place
from fishd.spool.bundle.scripts.epub.chapters import BookWriter
from fishd.spool.bundle.scripts.epub.contents import Entry, nav_entries, ncx_entries
from fishd.spool.bundle.scripts.epub.package import Package, is_protected, package_path, parse_package
from fishd.spool.bundle.scripts.page import paragraphs

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_COVER_BYTES = 16 * MIB
_COVER_MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def read_epub(content: bytes, draft: ScriptDraft) -> None:
    """Add the book's lines to the draft."""
    try:
        archive = BookArchive(content, draft.limits)
        package = _package(archive, draft)
        if package:
            draft.title, draft.author, draft.language = package.title, package.author, package.language
            draft.cover = _cover(archive, package.cover, draft)
            _read_pages(archive, package, draft)
    except BadBookError as error:
        draft.fault("", str(error))


def _package(archive: BookArchive, draft: ScriptDraft) -> Package | None:
    """None after a fault."""
    if not archive.has(_CONTAINER):
        raise BadBookError(f"is not an EPUB: {_CONTAINER} is missing from it")
    if archive.has(_ENCRYPTION) and is_protected(_text(archive, _ENCRYPTION, draft) or ""):
        raise BadBookError(f"is protected by DRM ({_ENCRYPTION}); only books without it can be read")
    container = _text(archive, _CONTAINER, draft)
    if container is None:
        return None
    path = package_path(container)
    if not path:
        raise BadBookError(f"does not say in {_CONTAINER} where its package document is; make it again")
    opf = _text(archive, path, draft)
    if opf is None:
        return None
    package = parse_package(opf, path)
    for id_ in package.unknown:
        draft.fault(member_place(path), f"its spine names {quoted(id_)}, which is not in its manifest")
    return package


def _read_pages(archive: BookArchive, package: Package, draft: ScriptDraft) -> None:
    writer = BookWriter(_entries(archive, package, draft), draft)
    for page in package.pages:
        xhtml = _text(archive, page, draft)
        if xhtml is not None:
            writer.add_page(page, list(paragraphs(xhtml)))


def _entries(archive: BookArchive, package: Package, draft: ScriptDraft) -> Sequence[Entry]:
    """Of the first table of contents that has any."""
    for path, entries_of in ((package.nav, nav_entries), (package.ncx, ncx_entries)):
        markup = _text(archive, path, draft) if archive.has(path) else None
        if entries := list(entries_of(markup or "", path)):
            return entries
    return ()


def _text(archive: BookArchive, path: str, draft: ScriptDraft) -> str | None:
    """None after a fault."""
    try:
        content = archive.read(path)
    except BadMemberError as error:
        draft.fault(member_place(path), str(error))
        return None
    written = _XML_ENCODING.match(content)
    declared = written[1].decode() if written else ""
    return decode(
        content, declared if is_encoding(declared) else draft.settings.encoding, draft, member_place(path)
    )


def _cover(archive: BookArchive, path: str, draft: ScriptDraft) -> bytes | None:
    if not path:
        return None
    try:
        cover = archive.read_bounded(path, _COVER_BYTES)
    except BadMemberError as error:
        draft.warn(member_place(path), f"the cover {error}")
        return None
    if cover and cover.startswith(_COVER_MAGICS):
        return cover
    draft.warn(member_place(path), "the cover is not a JPEG or PNG of at most 16 MiB; it is left out")
    return None
