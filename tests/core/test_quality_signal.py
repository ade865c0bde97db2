"""The signal check: features in, faults in words out."""

from __future__ import annotations

import pytest

from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.faults import FaultKind
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.signal_check import check_signal
from tests.core.quality_samples import GOOD, TEXT, speaker_with, take

KNOWN = speaker_with(10)


def faults_of(
    features: SignalFeatures, baseline: SpeakerBaseline = KNOWN, text: str = TEXT
) -> list[tuple[FaultKind, str]]:
    return [(fault.kind, fault.text) for fault in check_signal(features, text, baseline)]


@pytest.mark.parametrize("baseline", [SpeakerBaseline(), speaker_with(1), KNOWN])
def test_a_good_take_has_no_faults(baseline: SpeakerBaseline) -> None:
    """Whether the speaker is known yet or not."""
    assert [] == faults_of(GOOD, baseline)


@pytest.mark.parametrize(
    ("features", "fault"),
    [
        (take(level_db=-71.0), (FaultKind.SILENCE, "almost silent: -71 dB")),
        (take(range_db=1.4), (FaultKind.NOISE, "noise: its loud and quiet parts are only 1 dB apart")),
        (take(clipped_share=0.21), (FaultKind.CLIPPING, "clipped: 21.0% of it is at the peak")),
        (take(longest_gap_s=2.9, gap_at_s=1.4), (FaultKind.HOLE, "2.9 s hole at 1.4 s")),
        (take(lead_s=1.8), (FaultKind.PAUSE, "1.8 s of silence before the first word")),
        (take(tail_s=3.0), (FaultKind.PAUSE, "3.0 s of silence after the last word")),
        (take(speech_s=2.1), (FaultKind.FAST, "2.0 times the usual pace: a part may be missing")),
        (take(speech_s=0.06), (FaultKind.FAST, "only 0.06 s of speech")),
        (take(speech_s=12.6), (FaultKind.SLOW, "3.0 times slower than usual")),
        (take(end_db=-8.0), (FaultKind.CUT, "ends in the middle of a sound")),
        (
            take(loop_score=0.9, loop_period_s=0.6, loop_at_s=1.2),
            (FaultKind.LOOP, "repeats 0.6 s of sound from 1.2 s on"),
        ),
        (take(level_db=-6.0), (FaultKind.LEVEL, "16 dB louder than usual")),
        (take(level_db=-45.0), (FaultKind.LEVEL, "23 dB quieter than usual")),
    ],
)
def test_a_fault_is_named_with_its_measure(features: SignalFeatures, fault: tuple[FaultKind, str]) -> None:
    """What it is, how much, and where."""
    assert [fault] == faults_of(features)


def test_several_faults_are_named_the_worst_first() -> None:
    """Clipping makes a take useless, a long tail does not."""
    kinds = [kind for kind, _ in faults_of(take(tail_s=3.0, clipped_share=0.3, longest_gap_s=1.7))]

    assert [FaultKind.CLIPPING, FaultKind.HOLE, FaultKind.PAUSE] == kinds


@pytest.mark.parametrize("mark", ["…", "...", " — ", " – ", "\n"])
def test_a_written_pause_allows_a_longer_one(mark: str) -> None:
    """1.7 s is a hole, unless the text asks for a pause."""
    text = TEXT.replace(" before", f"{mark}before")

    assert [FaultKind.HOLE] == [kind for kind, _ in faults_of(take(longest_gap_s=1.7))]
    assert [] == faults_of(take(longest_gap_s=1.7), text=text)


def test_a_speaker_who_makes_long_pauses_may_make_them() -> None:
    """The limit is half as long again as what the takes have."""
    assert [] == faults_of(take(longest_gap_s=1.9), speaker_with(10, longest_gap_s=1.3))


def test_a_speaker_whose_takes_end_loud_is_not_cut() -> None:
    """Some engines trim the last silence of every take."""
    assert [] == faults_of(take(end_db=-2.0), speaker_with(10, end_db=-4.0))


def test_the_end_of_a_first_take_is_not_judged_alone() -> None:
    """Nobody knows yet how this speaker's takes end; a fast pace beside it is evidence enough."""
    assert [] == faults_of(take(end_db=-2.0), SpeakerBaseline())
    assert [FaultKind.CUT] == [k for k, _ in faults_of(take(end_db=-2.0, speech_s=2.6), SpeakerBaseline())]


def test_pace_is_judged_against_the_speakers_own() -> None:
    """What is usual for a fast speaker is too fast for a slow one."""
    fast = take(speech_s=2.6)

    assert [] == faults_of(fast, speaker_with(10, speech_s=2.6))
    assert [FaultKind.FAST] == [kind for kind, _ in faults_of(fast, speaker_with(10, speech_s=5.0))]


def test_the_reference_says_what_is_usual_before_the_first_take() -> None:
    """Its transcript and its speech give the pace."""
    slow = SpeakerBaseline.of_reference((take(speech_s=6.5),), TEXT)

    assert [] == faults_of(take(speech_s=2.9), SpeakerBaseline())
    assert [FaultKind.FAST] == [kind for kind, _ in faults_of(take(speech_s=2.9), slow)]


def test_a_reference_with_a_wrong_transcript_says_nothing_of_pace() -> None:
    """One word for four seconds of speech."""
    assert [] == faults_of(GOOD, SpeakerBaseline.of_reference((GOOD,), "Yes."))


def test_a_noisy_reference_allows_noisy_takes() -> None:
    """A clone of a recording with 12 dB between speech and noise has the noise too."""
    noisy = SpeakerBaseline.of_reference((take(range_db=12.0),), TEXT)

    assert [] == faults_of(take(range_db=7.0), noisy)


def test_a_clipped_reference_allows_clipped_takes() -> None:
    """Twice as much as the reference has."""
    clipped = SpeakerBaseline.of_reference((take(clipped_share=0.02),), TEXT)

    assert [] == faults_of(take(clipped_share=0.03), clipped)


@pytest.mark.parametrize("text", ["…", "♪", "?!", "—", " ", "[sigh]"])
def test_a_text_without_words_has_no_pace(text: str) -> None:
    """It cannot be judged, so it is not bad: neither a short sound nor a long one."""
    assert [] == faults_of(take(speech_s=0.06), text=text)
    assert [] == faults_of(take(speech_s=30.0), text=text)


@pytest.mark.parametrize("text", ["No, no, no!", "Hahaha!", "Well done, well done, well done."])
def test_a_text_that_repeats_itself_may_sound_so(text: str) -> None:
    """A refrain is no loop."""
    features = take(loop_score=0.95, speech_s=1.0, duration_s=1.2)

    assert FaultKind.LOOP not in {kind for kind, _ in faults_of(features, text=text)}


def test_a_short_word_may_take_its_time() -> None:
    """ "Ah!" has no quiet part, and no pace to speak of."""
    assert [] == faults_of(take(duration_s=0.5, speech_s=0.5, range_db=12.0, end_db=0.0), text="Ah!")


@pytest.mark.parametrize(
    ("text", "speech_s"),
    [
        ("每天晚上太阳下山之前，老灯塔看守人都要爬上楼梯。", 4.5),
        ("毎晩、日が沈む前に、老いた灯台守は階段を上った。", 4.2),
        ("Старый смотритель маяка каждый вечер поднимался по лестнице.", 3.6),
        ("كان حارس المنارة العجوز يصعد الدرج كل مساء قبل غروب الشمس.", 4.0),
        ("The meeting starts at 9:30 on 14 May 2026, in room 217.", 5.0),
    ],
)
def test_other_scripts_and_numbers_are_judged_by_what_there_is_to_say(text: str, speech_s: float) -> None:
    """The first take of a speaker whom nothing is known of."""
    assert [] == faults_of(take(speech_s=speech_s), SpeakerBaseline(), text)
    assert [FaultKind.FAST] == [k for k, _ in faults_of(take(speech_s=speech_s / 3), SpeakerBaseline(), text)]
