"""From the outcome of a job to its result."""

from __future__ import annotations

import pytest

from fishd.core.model.job import Clip, Fault, Job, JobStatus, Segment, Speaker
from fishd.core.model.job_result import make_result
from fishd.core.model.outcome import JobOutcome, SegmentOutcome, without_clips
from fishd.core.model.result import Result, WorkerShare


def clip(number: int) -> Clip:
    return Clip(f"clips/Ada/{number}.wav", 2.0, 1, 7, 0, "cpu", 1.0)


def outcome(status: JobStatus, *ends: SegmentOutcome) -> JobOutcome:
    """Of a job with one speaker, after four seconds."""
    segments = tuple(Segment(f"{n}", "Line.", "en", clip(n).path) for n in range(len(ends)))
    speaker = Speaker("Ada", ("ada.wav",), "What Ada says.", "en", "voice", segments)
    return JobOutcome(
        name="job",
        job=Job("job", "Title", 0, (speaker,)),
        status=status,
        faults=(),
        warnings=(),
        segments=(ends,),
        shares=(WorkerShare(0, "gpu:0", 1, 3.0),),
        remarks=(),
        engine="preview",
        wall_s=4.0,
    )


def spoken(number: int) -> SegmentOutcome:
    return SegmentOutcome(1, clip(number))


FAILED = SegmentOutcome(1, error="no letter", can_retry=False)


def result_of(ended: JobOutcome) -> Result:
    return make_result(ended, "2026-11-22T15:12:14Z", "2026-11-22T15:12:18Z", {"gpu:0": "RTX 4090"})


def test_a_result_has_clips_failures_and_totals() -> None:
    """In the bundle's order; a failed segment is among the errors, with its place."""
    result = result_of(outcome(JobStatus.PARTIAL, spoken(0), FAILED))
    done, failed = result.speakers[0].segments

    assert ("done", "clips/Ada/0.wav", 2.0, 7, None) == (
        done.status,
        done.clip,
        done.duration_s,
        done.seed,
        done.can_retry,
    )
    assert ("failed", None, "no letter", False) == (
        failed.status,
        failed.clip,
        failed.error,
        failed.can_retry,
    )
    assert (Fault("speakers[0].segments[1] (Ada, 1)", "no letter"),) == result.errors
    assert (2, 1, 1, 2.0, 0.5) == (
        result.totals.segments,
        result.totals.done,
        result.totals.failed,
        result.totals.audio_s,
        result.totals.speech_rate,
    )
    assert ("RTX 4090",) == result.device_names
    assert 1 == result.num_not_retryable


def test_a_lost_clip_is_a_failed_segment_that_can_be_retried() -> None:
    """The other segments stay as they ended."""
    lost = without_clips(outcome(JobStatus.PARTIAL, spoken(0), spoken(1), FAILED), {clip(0).path: "lost"})

    assert ((SegmentOutcome(1, error="lost"), spoken(1), FAILED),) == lost.segments
    assert ["lost", "no letter"] == [fault.what for fault in result_of(lost).errors]


@pytest.mark.parametrize(
    ("before", "lost", "after"),
    [
        (JobStatus.DONE, [], JobStatus.DONE),
        (JobStatus.DONE, [0], JobStatus.PARTIAL),
        (JobStatus.DONE, [0, 1], JobStatus.FAILED),
        (JobStatus.CANCELLED, [0, 1], JobStatus.CANCELLED),
    ],
)
def test_lost_clips_change_the_status(before: JobStatus, lost: list[int], after: JobStatus) -> None:
    """To what it would be without them; a cancelled job was cancelled all the same."""
    ended = outcome(before, spoken(0), spoken(1))

    assert after == without_clips(ended, {clip(n).path: "lost" for n in lost}).status
