"""Adds the pages of a book to the draft, with the chapters that begin on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.epub.archive import member_place
from fishd.spool.bundle.scripts.page import Paragraph
from fishd.spool.bundle.scripts.prose.writer import ProseWriter

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft
    from fishd.spool.bundle.scripts.epub.contents import Entry

_CHAPTER_LEVELS = (1, 2)  # of headings


class BookWriter:
    """Adds the pages to a draft, in reading order.

    With a table of contents, a page that is not in it goes on with the chapter before, unless it opens with
    a heading: books are cut into pages by size, too. Without one, each page is a chapter.
    """

    def __init__(self, entries: Iterable[Entry], draft: ScriptDraft) -> None:
        # Those of chapters that are still to come, by page and fragment; of several the most specific.
        self._titles: dict[str, dict[str, str]] = {}
        for entry in entries:
            self._titles.setdefault(entry.page, {})[entry.fragment] = entry.title
        self._has_contents = bool(self._titles)
        self._writer = ProseWriter(draft)
        self._num_chapters = 0

    def add_page(self, page: str, blocks: Sequence[Paragraph]) -> None:
        """Raises StopReadingError."""
        titles = self._titles.pop(page, {})
        title = self._title(titles, blocks)
        if title is not None:
            self._begin(title, next((block.text for block in blocks if block.heading), ""))
        place = member_place(page)
        for n, block in enumerate(blocks, 1):
            for anchor in block.anchors:
                if anchor in titles:
                    self._begin(titles.pop(anchor), block.text if block.heading else "")
            self._writer.add(f"{place} paragraph {n}", block.text)

    def _title(self, titles: Mapping[str, str], blocks: Sequence[Paragraph]) -> str | None:
        """Title of the chapter that begins with the page: "" if it has no name, None if none begins."""
        anchors = {anchor for block in blocks for anchor in block.anchors}
        at_top = [fragment for fragment in titles if fragment not in anchors]  # "", and ids that do not exist
        if at_top:
            return titles.get("", titles[at_top[0]])
        if titles or not blocks:
            return None
        opens_with_heading = blocks[0].heading in _CHAPTER_LEVELS
        return None if self._has_contents and not opens_with_heading else ""

    def _begin(self, title: str, heading: str) -> None:
        self._num_chapters += 1
        self._writer.begin_chapter(title or heading or f"Chapter {self._num_chapters}")
