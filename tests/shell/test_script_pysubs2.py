"""Our readers of subtitles agree with pysubs2, which places no faults, on whatever pysubs2 writes."""

from __future__ import annotations

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shell.scripts import read

WORDS = st.text(st.sampled_from("abcXYZ äß漢字я,.!?'"), min_size=1, max_size=20).filter(
    lambda text: any(char.isalpha() for char in text) and ": " not in text
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 30_000_000), st.integers(10, 60_000), st.lists(WORDS, min_size=1, max_size=3)),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("suffix", ["srt", "vtt", "ass", "ssa"])
@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_what_pysubs2_writes_is_read_as_pysubs2_reads_it(
    suffix: str, events: list[tuple[int, int, list[str]]]
) -> None:
    """Times and texts of every cue."""
    written = pysubs2.SSAFile()
    for start, duration, lines in events:
        written.append(pysubs2.SSAEvent(start, start + duration, "\\N".join(lines)))
    content = written.to_string(suffix)
    theirs = pysubs2.SSAFile.from_string(content, suffix)
    ours = read(f"a.{suffix}", content)
    assert () == ours.faults
    assert [(e.start / 1000, e.end / 1000, " ".join(e.plaintext.split())) for e in theirs] == [
        (line.start, line.end, line.text) for line in ours.lines
    ]
