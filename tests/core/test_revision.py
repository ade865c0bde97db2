"""Revisions without I/O: a request applied to a job, and how it ends."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.model.job import Clip, Fault, Job, JobStatus, Segment, Speaker
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.core.model.result import (
    KeptTake,
    LineRevisionResult,
    Result,
    RevisionResult,
    SegmentResult,
    SpeakerResult,
    Totals,
)
from fishd.core.model.revised_job import RevisedJob
from fishd.core.revision.apply import apply
from fishd.core.revision.request import LineRevision, Revision
from fishd.core.revision.settle import settle, why_refused

NAMES = ("Ada", "Bob")
IDS = ("001", "002", "003")
PLACES = [(s, n) for s in range(len(NAMES)) for n in range(len(IDS))]
WORDS = st.sampled_from(["One SQL.", "Two.", "Siobhan and SQL.", "Siobhan."])


def a_job(texts: dict[tuple[int, int], str], **values: object) -> Job:
    speakers = tuple(
        Speaker(
            name=name,
            references=(),
            transcript="",
            language="en",
            voice_key=name,
            segments=tuple(
                Segment(id_, texts[s, n], "en", f"clips/{name}/{id_}.wav") for n, id_ in enumerate(IDS)
            ),
        )
        for s, name in enumerate(NAMES)
    )
    return replace(Job(name="show", title="show", priority=0, speakers=speakers), **values)  # type: ignore[arg-type]


def result_of(job: Job, status: JobStatus = JobStatus.DONE) -> Result:
    """Every line has takes 1 and 2; the second one is its clip."""
    speakers = tuple(
        SpeakerResult(
            speaker.name,
            "en",
            tuple(
                SegmentResult(
                    segment.id,
                    segment.text,
                    "done",
                    clip=segment.clip,
                    takes=2,
                    chosen=2,
                    kept=tuple(KeptTake(n, segment.take_path(n), 1.0, n, segment.text) for n in (1, 2)),
                )
                for segment in speaker.segments
            ),
            voice_key=speaker.voice_key,
        )
        for speaker in job.speakers
    )
    totals = Totals(2, 6, 6, 0, 6.0, 1.0, 6.0)
    return Result("show", "show", status, "noop", (), "", "", totals, (), speakers)


JOB = a_job(dict.fromkeys(PLACES, "A line."))
FORMER = result_of(JOB)
lines = st.builds(
    LineRevision,
    st.sampled_from(NAMES),
    st.sampled_from(IDS),
    st.none() | WORDS,
    st.none(),
) | st.builds(LineRevision, st.sampled_from(NAMES), st.sampled_from(IDS), st.none(), st.sampled_from([1, 2]))
requests = st.builds(
    Revision,
    st.just("show"),
    st.lists(lines, max_size=4, unique_by=lambda line: (line.speaker, line.id)).map(tuple),
    st.dictionaries(st.sampled_from(["SQL", "Siobhan"]), st.sampled_from(["sequel", "Shivawn"])),
)
jobs = st.fixed_dictionaries(dict.fromkeys(PLACES, WORDS)).map(a_job)


def applied(revision: Revision, job: Job, former: Result) -> RevisedJob:
    revised, faults = apply(revision, "request", job, former)
    assert not faults
    assert revised is not None
    return revised


def place_of(line: LineRevision) -> tuple[int, int]:
    return NAMES.index(line.speaker), IDS.index(line.id)


@given(requests, jobs)
def test_only_what_is_asked_is_spoken_or_changed(revision: Revision, job: Job) -> None:
    """Asked lines, and those in which a pronunciation changes what is spoken; a kept take is not spoken."""
    revised = applied(revision, job, result_of(job))
    asked = {place_of(line): line for line in revision.lines}
    assert {place for place, line in asked.items() if line.take is not None} == revised.chosen.keys()
    assert {place for place, line in asked.items() if line.take is None} <= revised.spoken.keys()
    assert not revised.spoken.keys() & revised.chosen.keys()
    for s, n, segment in revised.job.segments():
        before = job.speakers[s].segments[n]
        if (s, n) not in revised.spoken:
            assert before == segment
        elif (s, n) not in asked:
            assert before.speech != segment.speech
        else:
            assert (asked[s, n].text or before.text) == segment.text


@given(requests, jobs)
def test_new_takes_are_numbered_after_all_earlier_ones(revision: Revision, job: Job) -> None:
    """So none has the file or the seed of an earlier take."""
    revised = applied(revision, job, result_of(job))
    for s, n in revised.spoken:
        assert 2 == revised.job.speakers[s].segments[n].earlier_takes


@given(requests, requests, jobs)
def test_a_revision_goes_on_with_the_texts_of_the_one_before(
    first: Revision, second: Revision, job: Job
) -> None:
    """The bundle still has the first texts: they are known to be edited."""
    revised = applied(first, job, result_of(job))
    former = msgspec.structs.replace(
        result_of(revised.job), revision=1, revisions=(revised.entry,), speakers=with_spoken(revised.job)
    )
    again = applied(second, job, former)
    assert 2 == again.entry.number
    for s, n, segment in again.job.segments():
        if (s, n) not in again.spoken and (s, n) not in again.chosen:
            assert revised.job.speakers[s].segments[n].speech == segment.speech


def with_spoken(job: Job) -> tuple[SpeakerResult, ...]:
    return tuple(
        msgspec.structs.replace(
            row,
            segments=tuple(
                msgspec.structs.replace(one, spoken=segment.spoken or None)
                for one, segment in zip(row.segments, speaker.segments, strict=True)
            ),
        )
        for row, speaker in zip(result_of(job).speakers, job.speakers, strict=True)
    )


def test_pronunciations_of_earlier_revisions_hold_for_new_texts() -> None:
    """A later one replaces an earlier one of the same word."""
    entries = tuple(
        RevisionResult(number, "", "", (), {"SQL": spoken}) for number, spoken in ((1, "ess"), (2, "sequel"))
    )
    former = msgspec.structs.replace(FORMER, revision=2, revisions=entries)
    revised = applied(Revision("show", (LineRevision("Ada", "001", "New SQL."),)), JOB, former)
    assert ("New SQL.", "New sequel.") == (
        revised.job.speakers[0].segments[0].text,
        revised.job.speakers[0].segments[0].spoken,
    )


def test_another_bundle_is_refused() -> None:
    """Other lines, other speakers, or another text of a line that no revision has changed."""
    texts = dict.fromkeys(PLACES, "A line.") | {(1, 0): "Another line."}
    what = "has changed since the result was made; submit the bundle as a new job"
    revision = Revision("show", (LineRevision("Ada", "001"),))
    expected = [Fault("bundle", f"{what} (the text of Bob/001 differs)")]
    assert (None, expected) == apply(revision, "request", a_job(texts), FORMER)
    edited = RevisionResult(1, "", "", (LineRevisionResult("Bob", "001", "A line."),))
    former = msgspec.structs.replace(FORMER, revision=1, revisions=(edited,))
    assert [] == apply(revision, "request", a_job(texts), former)[1]
    fewer = replace(JOB, speakers=JOB.speakers[:1])
    expected = [Fault("bundle", f"{what} (it has other speakers or lines)")]
    assert (None, expected) == apply(revision, "request", fewer, FORMER)


def test_another_voice_is_a_warning() -> None:
    """Only of a speaker who speaks."""
    speakers = tuple(replace(speaker, voice_key="other") for speaker in JOB.speakers)
    revised = applied(
        Revision("show", (LineRevision("Bob", "002"),)), replace(JOB, speakers=speakers), FORMER
    )
    what = "the reference clips have changed: the new takes have another voice"
    assert (Fault("Bob", what),) == revised.warnings


# ---- how it ends ---------------------------------------------------------------------------------------

CLIP = Clip("clips/Ada/001.take2.wav", 1.0, 2, 7, 0, "cpu", 0.0)
SPOKEN = SegmentOutcome(3, replace(CLIP, takes=3))
FAILED = SegmentOutcome(4, None, "it failed")


def outcome_of(revised: RevisedJob, ends: dict[tuple[int, int], SegmentOutcome]) -> JobOutcome:
    rows = tuple(
        tuple(ends.get((s, n), SegmentOutcome(2, CLIP)) for n in range(len(IDS))) for s in range(len(NAMES))
    )
    status = JobStatus.PARTIAL if FAILED in ends.values() else JobStatus.DONE
    return JobOutcome("show", revised.job, status, (), (), rows, (), (), "noop", 1.0, revision=revised)


@given(st.sets(st.sampled_from(PLACES), min_size=1), st.data())
def test_a_revision_is_never_worse_than_the_former_result(
    asked: set[tuple[int, int]], data: st.DataObject
) -> None:
    """A line that failed has its former take and text, and the history says so."""
    failing = data.draw(st.sets(st.sampled_from(sorted(asked))))
    request = tuple(LineRevision(NAMES[s], IDS[n], "New.") for s, n in sorted(asked))
    revised = replace(applied(Revision("show", request), JOB, FORMER), clips=dict.fromkeys(PLACES, CLIP))
    ends = {place: FAILED if place in failing else SPOKEN for place in asked}
    outcome = settle(outcome_of(revised, ends), revised)
    assert JobStatus.DONE == outcome.status
    assert outcome.job is not None
    assert outcome.revision is not None
    assert asked - failing == outcome.revision.spoken.keys()
    for s, n, segment in outcome.job.segments():
        is_new = (s, n) in asked - failing
        assert ("New." if is_new else "A line.") == segment.text
        assert (SPOKEN.clip if is_new else CLIP) == outcome.segments[s][n].clip
    errors = {(line.speaker, line.id) for line in outcome.revision.entry.lines if line.error}
    assert {(NAMES[s], IDS[n]) for s, n in failing} == errors
    assert len(failing) == len(outcome.warnings)


def test_a_line_without_a_former_take_stays_failed() -> None:
    """With the new error, and the former text."""
    revised = applied(Revision("show", (LineRevision("Ada", "001", "New."),)), JOB, FORMER)
    outcome = settle(outcome_of(revised, {(0, 0): FAILED}), revised)
    assert (JobStatus.PARTIAL, FAILED) == (outcome.status, outcome.segments[0][0])
    assert outcome.job == replace(revised.job, speakers=(JOB.speakers[0], *revised.job.speakers[1:]))


def test_a_cancelled_or_rejected_revision_is_refused() -> None:
    revised = applied(Revision("show", (LineRevision("Ada", "001"),)), JOB, FORMER)
    outcome = outcome_of(revised, {})
    fault = Fault("Ada.wav", "is not audio")
    assert () == why_refused(outcome)
    assert (Fault("", "it was cancelled"),) == why_refused(replace(outcome, status=JobStatus.CANCELLED))
    rejected = replace(outcome, status=JobStatus.REJECTED, faults=(fault,))
    assert (fault,) == why_refused(rejected)
