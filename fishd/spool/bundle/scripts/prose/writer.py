"""Turns paragraphs and headings into lines with their breaks and chapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fishd.spool.bundle.scripts.draft import has_words, speech
from fishd.spool.bundle.scripts.model import Break, ScriptLine
from fishd.spool.bundle.scripts.prose.sentences import segments

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft


class ProseWriter:
    """Adds to one draft, in reading order."""

    def __init__(self, draft: ScriptDraft) -> None:
        self._draft = draft
        self._chapter: str | None = None  # the title of one that has no line yet

    def begin_chapter(self, title: str) -> None:
        """The next paragraph opens a chapter. One that gets no paragraph before the next is none."""
        self._chapter = title

    def add(self, place: str, text: str) -> None:
        r"""Add a paragraph or a heading; "\n" in it is an intended line break. Raises StopReadingError."""
        breaks = Break.PARAGRAPH
        for written in text.split("\n"):
            for segment in segments(speech(written)):
                if not has_words(segment):
                    continue
                if self._chapter is not None:
                    self._draft.begin_chapter(self._chapter)
                    self._chapter, breaks = None, Break.CHAPTER
                self._draft.add(self._line(place, segment, breaks))
                breaks = Break.LINE

    def _line(self, place: str, text: str, breaks: Break) -> ScriptLine:
        is_skipped = text.startswith(self._draft.settings.skip or ())
        return ScriptLine(self._draft.name + place, text, break_before=breaks, is_skipped=is_skipped)
