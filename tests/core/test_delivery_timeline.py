"""The rules of fitting: what holds for any clips and cues."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.delivery.fitting import plan_timeline
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break, Line, Placement, Timeline

RATES = st.sampled_from([1000, 24_000, 44_100, 48_000])
TOUCHING_S = 0.1  # cues that overlap by no more count as one after the other


@st.composite
def untimed_lines(draw: st.DrawFn) -> Line:
    return Line(
        speaker=draw(st.integers(0, 2)),
        frames=draw(st.integers(0, 200_000)),
        frame_rate=draw(st.sampled_from([24_000, 44_100])),
        break_before=draw(st.sampled_from(Break)),
    )


@st.composite
def timed_lines(draw: st.DrawFn) -> Line:
    """Hundredths of a second within half a minute: lines that collide, touch and leave gaps."""
    line = draw(untimed_lines())
    start = draw(st.integers(0, 3000))
    length = draw(st.none() | st.integers(0, 500))
    end_s = None if length is None else (start + length) / 100
    return Line(line.speaker, line.frames, line.frame_rate, start / 100, end_s, same_cue=draw(st.booleans()))


@st.composite
def settings(draw: st.DrawFn) -> DeliverySettings:
    return DeliverySettings(
        max_speed=draw(st.sampled_from([1.0, 1.1, 1.25, 2.0])),
        max_shift_s=draw(st.sampled_from([0.0, 0.25, 0.5, 3.0])),
        pause_s=draw(st.sampled_from([0.0, 0.35, 1.0])),
    )


TIMED = st.lists(timed_lines(), max_size=25)
UNTIMED = st.lists(untimed_lines(), max_size=25)
MIXED = st.lists(timed_lines() | untimed_lines(), max_size=25)


def in_order_of_speech(timeline: Timeline, speaker: int) -> list[Placement]:
    own = [p for p in timeline.placements if p.speaker == speaker]
    return sorted(own, key=lambda p: (p.start, p.end))


def shortest(placement: Placement, options: DeliverySettings) -> int:
    return math.ceil(placement.clip_length / options.max_speed)


@given(MIXED, RATES, settings())
def test_no_speaker_overlaps_their_own_lines(lines: list[Line], rate: int, options: DeliverySettings) -> None:
    """Each of a speaker's lines begins when the one before it has ended, or later."""
    timeline = plan_timeline(lines, rate, options)
    for speaker in range(3):
        assert all(a.end <= b.start for a, b in pairwise(in_order_of_speech(timeline, speaker)))


@given(MIXED, RATES, settings())
def test_a_line_is_too_late_only_behind_its_speaker_at_full_speed(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """Beyond max_shift_s: that previous line is in the way, at full speed, and reports the excess."""
    timeline = plan_timeline(lines, rate, options)
    max_shift = round(options.max_shift_s * rate)
    for placement in timeline.placements:
        assert placement.shift >= -max_shift
        if placement.shift > max_shift:
            in_the_way = [
                p
                for p in timeline.placements
                if p is not placement and p.speaker == placement.speaker and p.end == placement.start
            ]
            assert any(p.length == shortest(p, options) for p in in_the_way)
            assert any(p.overrun >= placement.shift - max_shift for p in in_the_way)


@given(MIXED, RATES, settings())
def test_only_a_line_at_full_speed_begins_early(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """A shift is the last resort, after speed; an early line is no earlier than it has to be."""
    timeline = plan_timeline(lines, rate, options)
    starts = {p.wanted_start for p in timeline.placements}
    ends = {0, *(p.end for p in timeline.placements)}
    for placement in timeline.placements:
        if placement.shift < 0:
            as_early_as_allowed = placement.shift == -round(options.max_shift_s * rate)
            assert placement.length == shortest(placement, options)
            assert placement.end in starts or placement.start in ends or as_early_as_allowed


@given(MIXED, RATES, settings())
def test_nothing_is_cut_and_no_line_is_faster_than_allowed(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """A clip's whole length is there, at a speed between 1 and max_speed, within one sample."""
    for line, placement in zip(lines, plan_timeline(lines, rate, options).placements, strict=True):
        assert abs(placement.clip_length - line.frames * rate / line.frame_rate) <= 0.5
        assert 1.0 <= placement.speed <= options.max_speed + 1e-9
        assert abs(placement.length - round(placement.clip_length / placement.speed)) <= 1


@given(MIXED, RATES, settings(), untimed_lines())
def test_after_a_gap_a_line_is_on_time_to_the_sample(
    lines: list[Line], rate: int, options: DeliverySettings, last: Line
) -> None:
    """However late the lines before it were: nothing adds up."""
    start_s = plan_timeline(lines, rate, options).length / rate + 1
    late = Line(last.speaker, last.frames, last.frame_rate, start_s)

    placed = plan_timeline([*lines, late], rate, options).placements[-1]

    assert (round(start_s * rate), 0, 1.0) == (placed.start, placed.shift, placed.speed)


@given(st.lists(timed_lines(), max_size=25, unique_by=lambda line: line.start_s), RATES, settings())
def test_a_line_takes_the_gap_first_then_the_least_speed_that_fits(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """From where it may begin until the next line: its speaker's next, or anybody's after its cue."""
    lines = [Line(x.speaker, x.frames, x.frame_rate, x.start_s, x.end_s) for x in lines]
    placements = plan_timeline(lines, rate, options).placements
    for placement in placements:
        if placement.shift < 0:
            continue
        cue_end = (placement.wanted_end or 0) - round(TOUCHING_S * rate)
        next_starts = [
            p.wanted_start
            for p in placements
            if (p.speaker == placement.speaker and p.wanted_start > placement.wanted_start)
            or p.wanted_start >= max(placement.start + 1, cue_end)
        ]
        room = min(next_starts, default=math.inf) - placement.start
        expected = min(placement.clip_length, max(room, shortest(placement, options)))
        assert expected == placement.length


@given(TIMED, RATES, settings())
def test_a_speaker_keeps_the_order_of_the_cues(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """Lines with equal times are in script order."""
    placements = plan_timeline(lines, rate, options).placements
    for speaker in range(3):
        own = [p for p in placements if p.speaker == speaker]
        wanted = sorted(own, key=lambda p: p.wanted_start or 0)
        assert all(a.start <= b.start for a, b in pairwise(wanted))


@given(TIMED, RATES, settings())
def test_no_line_is_later_than_allowed_for_another_speaker(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """Alone with its speaker's cue free, a line waits max_shift_s at most, whatever the others do."""
    one_each = list({line.speaker: line for line in lines}.values())
    max_shift = round(options.max_shift_s * rate)
    placements = plan_timeline(one_each, rate, options).placements
    assert all(abs(p.shift) <= max_shift for p in placements)


@given(UNTIMED, RATES, settings())
def test_untimed_lines_follow_each_other_with_exact_pauses(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """One pause between lines, two between paragraphs, four between chapters; no line is sped up."""
    pause = round(options.pause_s * rate)
    pauses = {Break.LINE: pause, Break.PARAGRAPH: 2 * pause, Break.CHAPTER: 4 * pause}
    timeline = plan_timeline(lines, rate, options)
    end = 0
    for n, (line, placement) in enumerate(zip(lines, timeline.placements, strict=True)):
        assert end + (pauses[line.break_before] if n else 0) == placement.start
        assert (1.0, None, 0) == (placement.speed, placement.wanted_start, placement.shift)
        end = placement.end
    assert end == timeline.length


@given(MIXED, RATES, settings())
def test_the_programme_ends_with_its_last_line_or_cue(
    lines: list[Line], rate: int, options: DeliverySettings
) -> None:
    """So that a track that lines up with a film has the length of its cues at least."""
    timeline = plan_timeline(lines, rate, options)
    ends = [max(p.end, p.wanted_end or 0) for p in timeline.placements]
    assert max(ends, default=0) == timeline.length


@given(MIXED, RATES, settings())
def test_the_same_script_has_the_same_plan(lines: list[Line], rate: int, options: DeliverySettings) -> None:
    """Nothing depends on chance."""
    assert plan_timeline(lines, rate, options) == plan_timeline(tuple(lines), rate, options)


def test_a_hundred_thousand_dense_lines_are_planned() -> None:
    """Of four speakers, each a second long and wanted half a second after the one before."""
    lines = [Line(n % 4, 24_000, 24_000, n / 2, n / 2 + 0.5) for n in range(100_000)]

    timeline = plan_timeline(lines, 48_000, DeliverySettings())

    assert len(lines) == len(timeline.placements)
    assert timeline.length < 50_002 * 48_000
