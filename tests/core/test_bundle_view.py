"""What `fishd check` shows of a bundle that was read."""

from __future__ import annotations

import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segments

from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break
from fishd.core.model.job import Job, Segment, SkippedLine, Speaker
from fishd.view.bundle.line_list import line_list
from fishd.view.bundle.overview import Products, Voice, overview

NAMES = st.text(min_size=1, max_size=60)
TEXTS = st.text(max_size=300)


def segment(number: int, text: str = "A line.", **fields: object) -> Segment:
    """Line number `number` of the script."""
    return replace(
        Segment(f"{number:03d}", text, "en", f"clips/{number}.wav", position=number - 1),
        **fields,  # type: ignore[arg-type]
    )


def job(*segments: Segment, name: str = "Ada", **fields: object) -> Job:
    speaker = Speaker(name, ("ada.wav",), "What Ada says.", "en", "key", segments)
    return replace(Job("job", "job", 0, (speaker,)), **fields)  # type: ignore[arg-type]


def printed(*parts: Segments, color: bool = False) -> str:
    out = Console(
        file=io.StringIO(), width=80, color_system="standard" if color else None, force_terminal=color
    )
    for part in parts:
        out.print(part, end="", crop=False)
    return out.file.getvalue()  # type: ignore[attr-defined]


def lines_of(shown: Job, *, show_all: bool = False) -> list[str]:
    """Without the section's title."""
    _, title, *lines = printed(*line_list(shown, show_all=show_all)).splitlines()
    assert "Lines" == title
    return [line.rstrip() for line in lines]


def overview_of(shown: Job, products: Products | None = None, *, show_all: bool = False) -> list[str]:
    voices = [Voice("ada.wav", 7.4)] * len(shown.speakers)
    return printed(Segments(overview(shown, voices, products or Products(), show_all=show_all))).splitlines()


def test_lines_stand_in_script_order_whoever_speaks_them() -> None:
    """With id, times, speaker and text; a skipped line says so."""
    ada = Speaker(
        "Ada", (), "", "en", "", (segment(1, start=1.0, end=2.54), segment(4, start=3661.0, end=3662.0))
    )
    bob = Speaker("Bob", (), "", "en", "", (segment(2, "Yes.", start=2.5),))
    door = SkippedLine("003", "[door]", "Bob", 2, 3.0, 4.0)
    shown = Job("job", "job", 0, (ada, bob), skipped=(door, SkippedLine("005", "♪", "", 4)))

    assert [
        "  001      00:01.0–00:02.5  Ada  A line.",
        "  002      00:02.5–         Bob  Yes.",
        "  003      00:03.0–00:04.0  Bob  (skipped) [door]",
        "  004  1:01:01.0–1:01:02.0  Ada  A line.",
        "  005                       –    (skipped) ♪",
    ] == lines_of(shown)


def test_forty_lines_are_shown_and_of_more_the_first_twenty_and_the_last() -> None:
    """With the number of the others, unless all are asked for."""
    forty = job(*(segment(n) for n in range(1, 41)))
    more = job(*(segment(n) for n in range(1, 1_042)))

    assert 40 == len(lines_of(forty))
    *first, gap, last = lines_of(more)
    assert [f"  {n:03d}   Ada  A line." for n in range(1, 21)] == first
    assert "  … 1,020 lines more; --lines lists all" == gap
    assert "  1041  Ada  A line." == last
    assert 1_041 == len(lines_of(more, show_all=True))


def test_what_is_spoken_in_place_of_a_text_stands_below_it() -> None:
    """Where a pronunciation changes it."""
    assert ["  001  Ada  Use SQL.", "            spoken: Use sequel."] == lines_of(
        job(segment(1, "Use SQL.", spoken="Use sequel."))
    )


def test_a_long_text_goes_on_below_its_beginning() -> None:
    """Within 80 columns."""
    row = " ".join(["word"] * 13)

    assert [f"  001  Ada  {row}", f"            {row}", "            end."] == lines_of(
        job(segment(1, "word " * 26 + "end."))
    )


def test_chapters_and_paragraphs_are_marked() -> None:
    """A chapter by its title over its first line."""
    shown = job(
        segment(1, "The Boat", break_before=Break.CHAPTER),
        segment(2, "It rained.", break_before=Break.CHAPTER),
        segment(3, "It poured.", break_before=Break.PARAGRAPH),
        segment(4, "It stopped."),
        chapters=(Chapter("Part One", 0), Chapter("The Boat", 0)),
    )
    lines = lines_of(shown)

    assert ["", "  Part One ", "", "  The Boat "] == [line.partition("─")[0] for line in lines[:4]]
    assert [
        "§ 001  Ada  The Boat",
        "§ 002  Ada  It rained.",
        "¶ 003  Ada  It poured.",
        "  004  Ada  It stopped.",
    ] == lines[4:]


def test_a_long_id_keeps_its_end() -> None:
    """There the ids of a table differ."""
    assert ["  …R_ONE_ACT_1_SCENE_3_045  Ada  A line."] == lines_of(
        job(segment(1, id="DLG_CHAPTER_ONE_ACT_1_SCENE_3_045"))
    )


def test_the_text_stands_below_where_the_columns_leave_no_room() -> None:
    """Long ids, long names, hours."""
    shown = job(segment(1, id="DLG_ACT_1_SCENE_3_0045", start=3600.0, end=3601.0), name="The Narrator of it")

    assert [
        "  DLG_ACT_1_SCENE_3_0045  1:00:00.0–1:00:01.0  The Narrator of…",
        "      A line.",
    ] == lines_of(shown)


def test_skipped_lines_are_dim_and_there_is_no_colour_off_a_terminal() -> None:
    """The words tell as much as the colours."""
    shown = job(segment(1), skipped=(SkippedLine("002", "[door]", "", 1),))
    parts = list(line_list(shown, show_all=False))

    assert "\x1b[90m(skipped) [door]" in printed(*parts, color=True)
    assert "\x1b" not in printed(*parts)


@given(st.tuples(NAMES, NAMES, TEXTS, TEXTS), st.floats(0, 1e9) | st.none())
def test_no_row_is_wider_than_eighty_cells(texts: tuple[str, str, str, str], start: float | None) -> None:
    """Whatever is in the script; and nothing in it reaches the terminal unescaped."""
    id_, name, text, spoken = texts
    line = segment(1, text, id=id_, spoken=spoken, start=start, end=start)
    skipped = SkippedLine(id_, text, name, 1, start)
    shown = job(line, name=name, skipped=(skipped,), chapters=(Chapter(text, 0),), title=text, author=name)
    rows = printed(*line_list(shown, show_all=False)).split("\n") + overview_of(shown)

    assert max(cell_len(row) for row in rows) <= 80
    assert "\x1b" not in "".join(rows)


def test_the_overview_names_clips_tracks_and_how_they_are_made() -> None:
    """A title only where it is not the job's name."""
    shown = job(
        segment(1, start=1.0),
        segment(2),
        title="Episode 3",
        author="Anna",
        delivery=DeliverySettings(format="mp3", loudness=-16.0),
        tracks=("mix",),
    )
    products = Products(("tracks/mix.flac",), ("tracks/subtitles.srt",), "job.m4b", cover="PNG, 2.0 KiB")

    assert [
        "",
        "  Title      Episode 3",
        "  Author     Anna",
        "  Cover      PNG, 2.0 KiB",
        "  Clips      2 clips in clips/, mp3, each speaker at -16 LUFS, peaks at most -1",
        "             dBTP",
        "  Tracks     tracks/mix.flac",
        "             tracks/subtitles.srt",
        "  Audiobook  job.m4b",
        "  Fitting    up to 1.25 times as fast, up to 0.5 s earlier or later",
        "  Pauses     0.35 s between lines, 0.7 s at ¶, 1.4 s at §",
    ] == overview_of(shown, products)[:11]


def test_the_overview_lists_speakers_with_their_voices_and_chapters() -> None:
    """A chapter with the id of its first line, skipped ones included."""
    shown = job(
        segment(2),
        segment(3),
        skipped=(SkippedLine("001", "♪", "", 0),),
        chapters=(Chapter("One", 0), Chapter("Two", 2)),
    )
    rows = [" ".join(row.split()) for row in overview_of(shown)]

    assert "Tracks none" in rows
    assert "Ada ada.wav 7.4 s en 2" in rows
    assert "One 001 2" in rows
    assert "Two 003 1" in rows


def test_many_chapters_are_listed_only_with_all_lines() -> None:
    """As many as fit a screen."""
    shown = job(
        *(segment(n) for n in range(1, 101)), chapters=tuple(Chapter(f"Chapter {n}", n) for n in range(100))
    )

    assert "  … and 60 more chapters; --lines lists all" == overview_of(shown)[-1]
    assert "Chapter 99" in overview_of(shown, show_all=True)[-1]
