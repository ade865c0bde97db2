"""The fitting of lines to their times, by example; at 1000 samples per second, for readable numbers."""

from __future__ import annotations

from fishd.core.delivery.fitting import plan_timeline
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break, Line, Placement

ANNA, BEN = 0, 1


def cue(
    speaker: int,
    clip_s: float,
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    same_cue: bool = False,
) -> Line:
    return Line(speaker, round(clip_s * 24_000), 24_000, start_s, end_s, same_cue=same_cue)


def untimed(clip_s: float, break_before: Break = Break.LINE) -> Line:
    return Line(ANNA, round(clip_s * 24_000), 24_000, break_before=break_before)


def placed(*lines: Line) -> tuple[Placement, ...]:
    return plan_timeline(lines, 1000, DeliverySettings()).placements


def fit(*lines: Line) -> list[tuple[float, float, float]]:
    """Each line's start and end in seconds, and its speed."""
    return [(p.start / 1000, p.end / 1000, round(p.speed, 3)) for p in placed(*lines)]


def test_a_clip_that_fits_its_cue_is_left_alone() -> None:
    """On time, at its own speed, with silence after it."""
    assert [(1.0, 2.5, 1.0)] == fit(cue(ANNA, 1.5, 1.0, 3.0))


def test_the_gap_after_the_cue_is_used_before_any_speed() -> None:
    """2.9 s in a cue of 2 s, and the next line one second later."""
    assert [(0.0, 2.9, 1.0), (3.0, 4.0, 1.0)] == fit(cue(ANNA, 2.9, 0.0, 2.0), cue(ANNA, 1.0, 3.0, 4.0))


def test_what_the_gap_does_not_hold_is_sped_up_just_enough() -> None:
    """3.3 s until the next line at 3.0 s: a tenth faster."""
    assert [(0.0, 3.0, 1.1), (3.0, 4.0, 1.0)] == fit(cue(ANNA, 3.3, 0.0, 2.0), cue(BEN, 1.0, 3.0, 4.0))


def test_what_full_speed_does_not_fit_begins_earlier() -> None:
    """3 s at 1.25 is 2.4 s, in a slot of 2 s: 0.4 s early."""
    assert [(4.6, 7.0, 1.25), (7.0, 8.0, 1.0)] == fit(cue(ANNA, 3.0, 5.0, 7.0), cue(BEN, 1.0, 7.0, 8.0))


def test_a_line_begins_earlier_only_as_far_as_the_line_before_it_has_ended() -> None:
    """Ben stops at 4.8 s; so 0.2 s are left for the next line to be late, which is allowed."""
    assert [(4.0, 4.8, 1.0), (4.8, 7.2, 1.25), (7.2, 8.2, 1.0)] == fit(
        cue(BEN, 0.8, 4.0, 4.8), cue(ANNA, 3.0, 5.0, 7.0), cue(BEN, 1.0, 7.0, 9.0)
    )


def test_a_shift_that_resolves_it_is_no_overrun() -> None:
    """The next line is late by no more than allowed, so there is nothing to report."""
    long, late = placed(cue(ANNA, 3.0, 0.0, 2.0), cue(ANNA, 1.0, 2.0, 5.0))

    assert (0, 400) == (long.overrun, late.shift)


def test_what_does_not_fit_is_left_whole_and_reported() -> None:
    """5 s at 1.25 is 4 s in a slot of 2 s: 1.5 s over, shift included. Ben's line waits for only 0.5 s."""
    long, other = placed(cue(ANNA, 5.0, 0.0, 2.0), cue(BEN, 1.0, 2.0, 3.0))

    assert (0, 4000, 1500) == (long.start, long.end, long.overrun)
    assert (2500, 3500, 500) == (other.start, other.end, other.shift)


def test_no_speaker_overlaps_their_own_lines_even_if_that_shifts_one_too_far() -> None:
    """Anna's next line begins when the one before it ends: 2 s late, of which 1.5 s are the overrun."""
    long, own = placed(cue(ANNA, 5.0, 0.0, 2.0), cue(ANNA, 1.0, 2.0, 5.0))

    assert (4000, 2000, 1500) == (own.start, own.shift, long.overrun)


def test_a_gap_takes_up_a_delay() -> None:
    """The second line is late, the third is on its own time to the sample."""
    assert [0, 400, 0] == [
        p.shift for p in placed(cue(ANNA, 3, 0.0, 2.0), cue(ANNA, 1, 2.0, 3.5), cue(ANNA, 1, 4.003, 5.0))
    ]


def test_a_late_line_is_sped_up_to_be_out_of_the_way_of_the_next() -> None:
    """It begins 0.4 s late and has 1 s left until the third line."""
    assert [(0.0, 2.4, 1.25), (2.4, 3.4, 1.2), (3.4, 4.4, 1.0)] == fit(
        cue(ANNA, 3.0, 0.0, 2.0), cue(ANNA, 1.2, 2.0, 3.4), cue(ANNA, 1.0, 3.4, 5.0)
    )


def test_an_hour_of_lines_that_barely_do_not_fit_does_not_drift() -> None:
    """Each is 10 ms too long for its slot and is sped up for itself, so that all are on time."""
    placements = placed(*(cue(ANNA, 2.01, 2.0 * n, 2.0 * n + 2) for n in range(1800)))

    assert {0} == {p.shift for p in placements}
    assert {0} == {p.overrun for p in placements}


def test_an_interruption_overlaps_the_line_it_interrupts() -> None:
    """Ben's cue lies within Anna's: neither is sped up, neither is moved."""
    assert [(0.0, 4.0, 1.0), (1.0, 2.0, 1.0)] == fit(cue(ANNA, 4.0, 0.0, 4.0), cue(BEN, 1.0, 1.0, 2.0))


def test_an_interrupted_line_may_use_the_gap_after_its_cue() -> None:
    """The slot ends where the next cue after it begins, at 5 s, not where Ben interrupts."""
    assert [(0.0, 4.8, 1.0), (1.0, 2.0, 1.0), (5.0, 6.0, 1.0)] == fit(
        cue(ANNA, 4.8, 0.0, 4.0), cue(BEN, 1.0, 1.0, 2.0), cue(BEN, 1.0, 5.0, 6.0)
    )


def test_cues_that_overlap_by_a_few_frames_come_one_after_the_other() -> None:
    """40 ms are a subtitler's rounding, not an interruption."""
    assert [(0.0, 2.0, 1.25), (2.0, 3.0, 1.0)] == fit(cue(ANNA, 2.5, 0.0, 2.04), cue(BEN, 1.0, 2.0, 3.0))


def test_a_line_waits_for_one_whose_cue_overlaps_it_by_a_tenth_of_a_second() -> None:
    """The most that counts as rounding."""
    assert [(0.0, 2.4, 1.25), (2.4, 3.4, 1.0)] == fit(cue(ANNA, 3.0, 0.0, 2.1), cue(BEN, 1.0, 2.0, 4.0))


def test_overlapping_cues_of_one_speaker_are_spoken_one_after_the_other() -> None:
    """The first is sped up, and the second is shifted by the rest."""
    assert [(0.0, 3.2, 1.25), (3.2, 5.2, 1.0)] == fit(cue(ANNA, 4.0, 0.0, 4.0), cue(ANNA, 2.0, 3.0, 6.0))


def test_two_lines_of_one_speaker_with_one_time_share_the_cue() -> None:
    """In proportion to their clips, in script order."""
    assert [(10.0, 11.0, 1.0), (12.0, 12.5, 1.0)] == fit(
        cue(ANNA, 1.0, 10.0, 13.0), cue(ANNA, 0.5, 10.0, 13.0)
    )


def test_two_speakers_in_one_cue_take_turns() -> None:
    """`- A` / `- B`: Ben answers when Anna has finished."""
    assert [(10.0, 12.0, 1.0), (12.0, 13.0, 1.0)] == fit(
        cue(ANNA, 2.0, 10.0, 13.0), cue(BEN, 1.0, 10.0, 13.0, same_cue=True)
    )


def test_a_line_marked_to_share_the_cue_of_an_untimed_line_has_its_own() -> None:
    """It still shares the cue of another line of its speaker at that time."""
    placements = placed(
        cue(ANNA, 1.0, 10.0, 13.0),
        cue(BEN, 1.0),
        cue(ANNA, 1.0, 10.0, 13.0, same_cue=True),
        cue(BEN, 1.0),
        cue(BEN, 1.0, 20.0, 21.0, same_cue=True),
    )

    assert [10_000, None, 11_500, None, 20_000] == [p.wanted_start for p in placements]


def test_lines_that_share_a_cue_share_the_gap_after_it() -> None:
    """4 s in a cue of 2 s with 3 s of silence after it need no speed-up."""
    assert [(0.0, 3.0, 1.0), (3.0, 4.0, 1.0), (5.0, 6.0, 1.0)] == fit(
        cue(ANNA, 3.0, 0.0, 2.0), cue(BEN, 1.0, 0.0, 2.0, same_cue=True), cue(ANNA, 1.0, 5.0, 6.0)
    )


def test_two_speakers_with_one_time_speak_together_unless_the_cue_is_one() -> None:
    """Two cues: a chorus."""
    assert [(1.0, 3.0, 1.0), (1.0, 3.0, 1.0)] == fit(cue(ANNA, 2.0, 1.0, 3.0), cue(BEN, 2.0, 1.0, 3.0))


def test_a_cue_without_an_end_has_until_the_next() -> None:
    """A table may give starts only."""
    assert [(0.0, 2.0, 1.25), (2.0, 9.0, 1.0)] == fit(cue(ANNA, 2.5, 0.0), cue(BEN, 7.0, 2.0))


def test_impossible_times_are_taken_as_the_nearest_possible_ones() -> None:
    """An end before its start is a cue without length; nothing begins before the programme."""
    backwards, early = placed(cue(ANNA, 1.0, 5.0, 4.0), cue(BEN, 1.0, -2.0, 1.0))

    assert (5000, 5000, 5000) == (backwards.wanted_start, backwards.wanted_end, backwards.start)
    assert (0, 0) == (early.wanted_start, early.start)


def test_a_book_pauses_between_lines_paragraphs_and_chapters() -> None:
    """0.35 s, 0.7 s and 1.4 s; a chapter's title has the long pause on both sides."""
    assert [(0.0, 1.0), (1.35, 2.35), (3.05, 4.05), (5.45, 6.45), (7.85, 8.85)] == [
        (start, end)
        for start, end, _ in fit(
            untimed(1.0, Break.CHAPTER),
            untimed(1.0),
            untimed(1.0, Break.PARAGRAPH),
            untimed(1.0, Break.CHAPTER),
            untimed(1.0, Break.CHAPTER),
        )
    ]


def test_a_line_that_failed_keeps_its_place_in_silence() -> None:
    """The next line is where it would be beside it, and the pauses around it stay."""
    assert [(0.0, 1.0), (1.35, 1.35), (1.7, 2.7)] == [
        (start, end) for start, end, _ in fit(untimed(1.0), untimed(0.0), untimed(1.0))
    ]


def test_a_timed_line_that_failed_leaves_its_slot_silent() -> None:
    """So that no line moves when a retry succeeds."""
    assert [(0.0, 2.0, 1.25), (2.0, 2.0, 1.0), (4.0, 5.0, 1.0)] == fit(
        cue(ANNA, 2.5, 0.0, 2.0), cue(ANNA, 0.0, 2.0, 4.0), cue(ANNA, 1.0, 4.0, 5.0)
    )


def test_an_untimed_line_follows_the_line_before_it_in_the_script() -> None:
    """Among timed lines: after a pause, and out of the way of the next."""
    assert [(10.0, 11.0, 1.0), (11.35, 12.0, 1.154), (12.0, 13.0, 1.0)] == fit(
        cue(ANNA, 1.0, 10.0, 11.0), cue(BEN, 0.75), cue(ANNA, 1.0, 12.0, 13.0)
    )


def test_untimed_lines_before_the_first_time_begin_the_programme() -> None:
    """The timed lines stay where they are wanted."""
    assert [(0.0, 1.0, 1.0), (5.0, 6.0, 1.0)] == fit(cue(ANNA, 1.0), cue(ANNA, 1.0, 5.0, 6.0))


def test_an_untimed_opening_comes_before_a_line_wanted_at_zero() -> None:
    """At full speed, as it is in the way."""
    assert [(0.0, 0.8, 1.25), (0.8, 1.8, 1.0)] == fit(cue(ANNA, 1.0), cue(ANNA, 1.0, 0.0, 3.0))


def test_a_timed_line_goes_before_an_untimed_one_of_the_same_moment() -> None:
    """Ben's untimed answer would keep his own timed line from its time."""
    assert [(5.0, 6.0, 1.0), (6.35, 7.35, 1.0), (5.0, 6.0, 1.0)] == fit(
        cue(ANNA, 1.0, 5.0, 6.0), cue(BEN, 1.0), cue(BEN, 1.0, 5.0, 6.0)
    )


def test_the_script_may_list_its_lines_speaker_by_speaker() -> None:
    """The times decide, not the order in the script."""
    assert [(0.0, 1.0, 1.0), (4.0, 5.0, 1.0), (2.0, 3.0, 1.0)] == fit(
        cue(ANNA, 1.0, 0.0), cue(ANNA, 1.0, 4.0), cue(BEN, 1.0, 2.0)
    )


def test_clips_of_another_sample_rate_are_placed_to_the_sample() -> None:
    """44,101 frames at 44.1 kHz are 48,001 samples at 48 kHz; 10.1 s is sample 484,800."""
    timeline = plan_timeline([Line(ANNA, 44_101, 44_100, 10.1)], 48_000, DeliverySettings())

    assert (484_800, 48_001, 532_801) == (
        timeline.placements[0].start,
        timeline.placements[0].length,
        timeline.length,
    )


def test_a_script_without_lines_is_a_programme_without_length() -> None:
    """It is no error."""
    assert 0 == plan_timeline([], 48_000, DeliverySettings()).length
