"""Where a book's chapters begin and end."""

from __future__ import annotations

from fishd.core.delivery.chapters import Chapter, ChapterMark, chapter_marks
from fishd.core.delivery.fitting import plan_timeline
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break, Line, Timeline

RATE = 48_000


def book(*breaks: Break) -> Timeline:
    """A line of one second for each break; pauses of 0.5, 1 and 2 s."""
    lines = [Line(0, RATE, RATE, break_before=b) for b in breaks]
    return plan_timeline(lines, RATE, DeliverySettings(pause_s=0.5))


def times(marks: tuple[ChapterMark, ...]) -> list[tuple[str, int, int]]:
    return [(mark.title, mark.start_ms, mark.end_ms) for mark in marks]


def test_a_chapter_lasts_from_its_first_line_to_that_of_the_next() -> None:
    """The pause belongs to the chapter before; the last ends with the programme."""
    timeline = book(Break.CHAPTER, Break.LINE, Break.CHAPTER, Break.CHAPTER)

    marks = chapter_marks([Chapter("One", 0), Chapter("Two", 2)], timeline)

    assert [("One", 0, 4500), ("Two", 4500, 8500)] == times(marks)
    assert [(0, 216_000), (216_000, 408_000)] == [(mark.start, mark.end) for mark in marks]


def test_what_comes_before_the_first_chapter_belongs_to_it() -> None:
    """Chapters cover the whole programme."""
    timeline = book(Break.LINE, Break.CHAPTER)

    assert [("One", 0, timeline.milliseconds(timeline.length))] == times(
        chapter_marks([Chapter("One", 1)], timeline)
    )


def test_chapters_that_begin_together_are_one_with_both_titles() -> None:
    """A part whose title is not spoken, and its first chapter."""
    marks = chapter_marks(
        [Chapter("Part I", 0), Chapter("One", 0), Chapter("Two", 1)], book(*[Break.CHAPTER] * 2)
    )

    assert ["Part I – One", "Two"] == [mark.title for mark in marks]


def test_a_chapter_without_lines_at_the_end_is_left_out() -> None:
    """Such as an index that was skipped."""
    marks = chapter_marks([Chapter("One", 0), Chapter("Index", 1)], book(Break.CHAPTER))

    assert [("One", 0, 1000)] == times(marks)


def test_a_script_without_chapters_has_none() -> None:
    """Nor has one without lines."""
    assert () == chapter_marks([], book(Break.LINE))
    assert () == chapter_marks([Chapter("One", 0)], book())
