"""Subtitles with the times as spoken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.delivery.subtitles import Cue, spoken_cues, to_srt, to_vtt
from fishd.core.delivery.timeline import Caption, Placement, Timeline

RATE = 48_000
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def placed(start: int, length: int) -> Placement:
    return Placement(0, start, length, length, None, None, 0)


def cues(*lines: tuple[int, int, str, str]) -> list[Cue]:
    """Of lines as (start, length, speaker, text), in samples."""
    timeline = Timeline(RATE, tuple(placed(start, length) for start, length, _, _ in lines), 0)
    return spoken_cues(timeline, [Caption("", speaker, text) for _, _, speaker, text in lines])


def test_an_srt_file_numbers_its_cues_in_the_order_of_speech() -> None:
    """Whatever their order in the script is."""
    spoken = cues((RATE, RATE, "Ben", "Yes."), (0, RATE // 2, "Anna", "Are you\nthere?"))

    assert (
        "1\n00:00:00,000 --> 00:00:00,500\nAre you\nthere?\n\n2\n00:00:01,000 --> 00:00:02,000\nYes.\n"
    ) == to_srt(spoken)


def test_a_vtt_file_names_the_voices() -> None:
    """With points for decimals."""
    spoken = cues((RATE, RATE, "Ben", "Yes."), (3 * RATE, RATE, "", "No."))

    assert (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<v Ben>Yes.\n\n00:00:03.000 --> 00:00:04.000\nNo.\n"
    ) == to_vtt(spoken)


def test_a_programme_in_which_nothing_is_heard_has_files_without_cues() -> None:
    """Both are valid."""
    assert ("", "WEBVTT\n") == (to_srt([]), to_vtt([]))


def test_a_line_that_failed_has_no_subtitle() -> None:
    """What is not heard is not shown."""
    assert ["heard"] == [cue.text for cue in cues((0, 0, "Anna", "failed"), (0, RATE, "Anna", "heard"))]


def test_markup_in_a_text_or_a_name_is_escaped_in_vtt() -> None:
    """A name ends at `>`, and an arrow would be a line of times."""
    spoken = cues((0, RATE, "A > B & <i>", "if a < b --> <b>c</b> & d"))

    assert (
        "<v A &gt; B &amp; &lt;i&gt;>if a &lt; b --&gt; &lt;b&gt;c&lt;/b&gt; &amp; d"
        == to_vtt(spoken).split("\n")[3]
    )


def test_an_arrow_in_an_srt_text_cannot_be_taken_for_times() -> None:
    """SubRip has no escapes."""
    assert "a → b" == to_srt(cues((0, RATE, "", "a --> b"))).split("\n")[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n\n\ntwo", "one\ntwo"),
        ("one\r\n \r\ntwo\r\n", "one\ntwo"),
        ("  one\u2028\u2028two", "one\ntwo"),
        ("bell\x07 nul\x00", "bell nul"),
        ("cut \ud83d", "cut"),
        ("a\tb", "a b"),
        ("Quoi\u00a0?", "Quoi\u00a0?"),
        ("\u200fשלום", "\u200fשלום"),
    ],
)
def test_a_text_keeps_its_lines_but_no_blank_ones(text: str, shown: str) -> None:
    """A blank line would end the cue; what a file cannot hold is dropped, what typography needs is kept."""
    assert [shown] == [cue.text for cue in cues((0, RATE, "", text))]


def test_a_name_is_on_one_line() -> None:
    """Line breaks would end the tag."""
    assert "Anna Maria" == cues((0, RATE, " Anna\n\tMaria ", "Yes."))[0].speaker


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "00:00:00,000"),
        (59_999, "00:00:59,999"),
        (3_600_000, "01:00:00,000"),
        (359_999_999, "99:59:59,999"),
        (360_000_000, "100:00:00,000"),
        (3_661_001, "01:01:01,001"),
    ],
)
def test_times_are_hours_minutes_seconds_and_milliseconds(ms: int, shown: str) -> None:
    """A hundred hours take a third digit."""
    assert f"{shown} --> {shown}" == to_srt([Cue(ms, ms, "", "x")]).split("\n")[1]


@given(st.integers(0, 10**11), st.integers(1, 10**6))
def test_every_cue_ends_after_it_begins(start: int, length: int) -> None:
    """Even one sample is shown; times are to the nearest millisecond."""
    (cue,) = cues((start, length, "", "x"))

    assert cue.end_ms > cue.start_ms
    assert abs(cue.start_ms - start * 1000 / RATE) <= 0.5 + 1e-6


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=5))
def test_no_text_breaks_the_files(texts: list[tuple[str, str]]) -> None:
    """As many blocks as cues, each with its line of times in place, in UTF-8."""
    spoken = cues(*((n * RATE, RATE, name, text) for n, (name, text) in enumerate(texts)))
    srt, vtt = to_srt(spoken), to_vtt(spoken)

    assert len(spoken) == len(re.findall(r"-->", srt)) == len(re.findall(r"-->", vtt))
    assert len(spoken) == len(srt.encode().decode().split("\n\n")) - (not spoken)
    assert len(spoken) == len(vtt.encode().decode().split("\n\n")) - 1
