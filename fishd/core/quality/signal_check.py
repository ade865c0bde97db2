"""The signal check: which faults a take's measurements show, without understanding a word.

Thresholds are relative to the speaker's baseline wherever engines or recordings differ. `bench/quality.py`
measures how many faults they find, and how many good takes they reject.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from fishd.core.quality.baseline import SpeakerBaseline, log_pace
from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.take_quality import TakeQuality
from fishd.core.quality.text_length import text_length

SILENT_DB, SILENT_BELOW_USUAL_DB = -50.0, 40.0
NOISE_RANGE_DB = 8.0  # noise has up to 5.5, a good take of a sentence at least 19
SHORT_S, LEAST_RANGE_DB = 0.6, 4.0  # "Ah!" may have no quiet part
CLIPPED_SHARE = 0.004  # good takes have less than 0.0005, clipped ones more than 0.01
MOST_CLIPPED_SHARE = 0.05  # even if the reference is clipped
HOLE_S, MOST_HOLE_S, WRITTEN_PAUSE_S = 1.4, 2.2, 0.5
LEAD_S, TAIL_S = 1.5, 2.0
CUT_DB, CUT_ABOVE_DB = -12.0, 10.0  # a loud end: against the speech, and against the speaker's loudest end
CUT_HASTY_DB, CUT_FAST = -35.0, 0.65  # a softer end, where the pace uses this share of its tolerance
LOOP_SCORE = 0.7  # good takes have less than 0.6, loops 0.9 and more
QUIETER_DB, LOUDER_DB = 20.0, 12.0
UNSURE_PACE = 0.3  # what digits and symbols add to the pace's tolerance, for a text of nothing else
SHORT_LETTERS = 7.0  # a text of so few letters adds 1 to it, one of twice as many a quarter
MIN_PACE_LETTERS = 12.0  # a shorter line says little about the speaker's pace
MIN_SPEECH_S = 0.1
SLOWER = math.log(1.4)  # slowness is tolerated this much further: pauses and emphasis are speech
REPEATED_TEXT = re.compile(r"(\w[\w\s,']{0,40}?)\W*\1\W*\1", re.IGNORECASE)  # "no, no, no", "hahaha"
PAUSE_MARKS = ("…", "...", "—", " – ", " - ", "\n")


def assess_take(features: SignalFeatures, text: str, baseline: SpeakerBaseline) -> TakeQuality:
    """Judge a take of this text (as spoken). `baseline` is the speaker's in the text's language."""
    length = text_length(text)
    return TakeQuality(
        faults=check_signal(features, text, baseline),
        pace=log_pace(features, text) if length.letters >= MIN_PACE_LETTERS else None,
        level_db=round(features.level_db, 2),
        range_db=round(features.range_db, 2),
        end_db=round(features.end_db, 2),
        longest_gap_s=features.longest_gap_s,
    )


def check_signal(features: SignalFeatures, text: str, baseline: SpeakerBaseline) -> tuple[QualityFault, ...]:
    """The faults of a take, the worst first; none for a good one."""
    if silence := _silence(features, baseline):
        return (silence,)
    if noise := _noise(features, baseline):
        return (noise,)
    faults = [
        *_clipping(features, baseline),
        *_gaps(features, text, baseline),
        *_pace(features, text, baseline),
        *_loop(features, text),
        *_level(features, baseline),
    ]
    return tuple(sorted(faults, key=lambda fault: -fault.severity))


def _silence(features: SignalFeatures, baseline: SpeakerBaseline) -> QualityFault | None:
    usual = baseline.usual_level_db()
    limit = SILENT_DB if usual is None else min(SILENT_DB, usual - SILENT_BELOW_USUAL_DB)
    if features.level_db >= limit:
        return None
    return QualityFault(FaultKind.SILENCE, f"almost silent: {features.level_db:.0f} dB", 1.0)


def _noise(features: SignalFeatures, baseline: SpeakerBaseline) -> QualityFault | None:
    usual = baseline.usual_range_db()
    limit = min(NOISE_RANGE_DB, max(usual / (5 if features.duration_s < SHORT_S else 2), LEAST_RANGE_DB))
    if features.range_db >= limit:
        return None
    what = f"noise: its loud and quiet parts are only {features.range_db:.0f} dB apart"
    return QualityFault(FaultKind.NOISE, what, 1.0)


def _clipping(features: SignalFeatures, baseline: SpeakerBaseline) -> Iterator[QualityFault]:
    in_reference = baseline.reference.clipped_share if baseline.reference else 0.0
    if features.clipped_share > max(CLIPPED_SHARE, min(2 * in_reference, MOST_CLIPPED_SHARE)):
        share = features.clipped_share
        severity = 0.5 + min(0.5, 5 * share)
        yield QualityFault(FaultKind.CLIPPING, f"clipped: {share:.1%} of it is at the peak", severity)


def _gaps(features: SignalFeatures, text: str, baseline: SpeakerBaseline) -> Iterator[QualityFault]:
    pauses = sum(text.count(mark) for mark in PAUSE_MARKS)
    usual = min(max(HOLE_S, 1.5 * baseline.longest_gap_s()), MOST_HOLE_S)
    if features.longest_gap_s > usual + WRITTEN_PAUSE_S * pauses:
        what = f"{features.longest_gap_s:.1f} s hole at {features.gap_at_s:.1f} s"
        yield QualityFault(FaultKind.HOLE, what, _severity(features.longest_gap_s / usual))
    if features.lead_s > LEAD_S:
        what = f"{features.lead_s:.1f} s of silence before the first word"
        yield QualityFault(FaultKind.PAUSE, what, 0.4)
    if features.tail_s > TAIL_S:
        what = f"{features.tail_s:.1f} s of silence after the last word"
        yield QualityFault(FaultKind.PAUSE, what, 0.3)


def _pace(features: SignalFeatures, text: str, baseline: SpeakerBaseline) -> Iterator[QualityFault]:
    """Too fast, too slow; or a little fast with a loud end. A text with nothing to pronounce has no pace."""
    length = text_length(text)
    pace = log_pace(features, text)
    if pace is None:
        return
    if features.speech_s < MIN_SPEECH_S:
        yield QualityFault(FaultKind.FAST, f"only {features.speech_s:.2f} s of speech", 1.0)
        return
    usual, tolerance = baseline.usual_pace()
    tolerance += UNSURE_PACE * length.unsure + (SHORT_LETTERS / length.letters) ** 2
    difference = pace - usual
    times = math.exp(abs(difference))
    if difference > tolerance:
        what = f"{times:.1f} times the usual pace: a part may be missing"
        yield QualityFault(FaultKind.FAST, what, _severity(times))
    elif -difference > tolerance + SLOWER:
        yield QualityFault(FaultKind.SLOW, f"{times:.1f} times slower than usual", _severity(times))
    elif _is_cut(features, baseline, is_hasty=difference > CUT_FAST * tolerance):
        yield QualityFault(FaultKind.CUT, "ends in the middle of a sound", 0.5)


def _is_cut(features: SignalFeatures, baseline: SpeakerBaseline, *, is_hasty: bool) -> bool:
    """Some speakers always end loud: an end alone is judged against their earlier takes only."""
    if features.speech_s < SHORT_S or features.end_db < (CUT_HASTY_DB if is_hasty else CUT_DB):
        return False
    loudest = baseline.highest_end_db()
    return is_hasty if loudest is None else features.end_db > loudest + CUT_ABOVE_DB


def _loop(features: SignalFeatures, text: str) -> Iterator[QualityFault]:
    """A repeated stretch, unless the text itself repeats something."""
    if features.loop_score > LOOP_SCORE and not REPEATED_TEXT.search(text):
        what = f"repeats {features.loop_period_s:.1f} s of sound from {features.loop_at_s:.1f} s on"
        yield QualityFault(FaultKind.LOOP, what, 0.7)


def _level(features: SignalFeatures, baseline: SpeakerBaseline) -> Iterator[QualityFault]:
    usual = baseline.usual_level_db()
    if usual is None:
        return
    difference = features.level_db - usual
    if not -QUIETER_DB <= difference <= LOUDER_DB:
        word = "louder" if difference > 0 else "quieter"
        yield QualityFault(FaultKind.LEVEL, f"{abs(difference):.0f} dB {word} than usual", 0.3)


def _severity(times: float) -> float:
    """0.5 at the limit or below, 1 at four times of what is usual."""
    return min(1.0, 0.5 + 0.25 * math.log2(max(1.0, times)))
