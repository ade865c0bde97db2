"""Apply a request to a job: pure, from the bundle's job and the job's last result to the job as revised.

A line's present text is in the result, for earlier revisions changed it; the bundle stays as it was dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fishd.core.model.job import Fault, Job, JobStatus, Segment
from fishd.core.model.result import KeptTake, LineRevisionResult, Result, RevisionResult, SegmentResult
from fishd.core.model.revised_job import Position, RevisedJob
from fishd.core.revision.request import LineRevision, Revision
from fishd.core.text.pronounce import Pronunciations
from fishd.toml.display import any_of

_MOST_NAMED = 12
_MOST_FAULTS = 200
CHANGED = "has changed since the result was made; submit the bundle as a new job"


def apply(
    revision: Revision, request: str, job: Job, former: Result
) -> tuple[RevisedJob | None, list[Fault]]:
    """The job with the request's changes, or everything that is wrong with it.

    `job` is as its bundle has it, `former` its result; `request` is the name of the request's file.
    """
    if faults := list(_changes_of_bundle(job, former)):
        return None, faults
    asked, faults = find_lines(revision, former)
    if faults:
        return None, faults
    application = _Application(revision, job, former, asked)
    segments = {(s, n): application.segment((s, n), segment) for s, n, segment in job.segments()}
    speakers = tuple(
        replace(speaker, segments=tuple(segments[s, n] for n in range(len(speaker.segments))))
        for s, speaker in enumerate(job.speakers)
    )
    entry = RevisionResult(
        number=former.revision + 1,
        at="",
        request=request,
        lines=tuple(
            LineRevisionResult(line.speaker, line.id, line.text, line.take) for line in revision.lines
        ),
        pronounce=dict(revision.pronounce),
    )
    revised = RevisedJob(
        job=replace(job, speakers=speakers),
        former=former,
        entry=entry,
        spoken=application.spoken,
        chosen=application.chosen,
        warnings=tuple(_other_voices(job, former, application.spoken)),
    )
    return revised, []


def why_not(former: Result) -> Fault | None:
    """Why a job with this result cannot be revised at all."""
    if former.status is JobStatus.REJECTED:
        return Fault("job", "was rejected; fix the bundle, and submit it again")
    return None


class _Application:
    """One request on its way through the lines of a job."""

    def __init__(
        self, revision: Revision, job: Job, former: Result, asked: Mapping[Position, LineRevision]
    ) -> None:
        self._former = former
        self._asked = asked
        earlier: dict[str, str] = {}
        for entry in former.revisions:
            earlier |= entry.pronounce
        self._new = Pronunciations(revision.pronounce)
        self._all = Pronunciations({**job.pronounce, **earlier, **revision.pronounce})
        # The mutable state.
        self.spoken: dict[Position, Segment] = {}
        self.chosen: dict[Position, KeptTake] = {}

    def segment(self, place: Position, segment: Segment) -> Segment:
        """The line as revised; takes note if it is spoken, or gets a kept take."""
        row = self._former.speakers[place[0]].segments[place[1]]
        before = replace(segment, text=row.text, spoken=row.spoken or "")
        asked = self._asked.get(place)
        if asked and asked.take is not None:
            take = next(kept for kept in row.kept if kept.take == asked.take)
            self.chosen[place] = take
            return replace(before, text=take.text, spoken=take.spoken or "")
        after = self._as_asked(before, asked)
        if asked is None and after.speech == before.speech:
            return before
        self.spoken[place] = before
        return replace(after, earlier_takes=row.takes)

    def _as_asked(self, before: Segment, asked: LineRevision | None) -> Segment:
        text = before.text if asked is None or asked.text is None else asked.text
        if text == before.text and self._new.apply(text) == text:
            return before  # its earlier pronunciations stay, whatever the configuration says by now
        spoken = " ".join(self._all.apply(text).split())
        return replace(before, text=text, spoken="" if spoken == text else spoken)


def edited_lines(former: Result) -> set[tuple[str, str]]:
    """(speaker, id) of the lines whose texts may be other than the bundle's."""
    return {
        (line.speaker, line.id)
        for entry in former.revisions
        for line in entry.lines
        if line.error is None and (line.text is not None or line.take is not None)
    }


def _changes_of_bundle(job: Job, former: Result) -> Iterator[Fault]:
    """The first line in which the bundle is not the one that the result was made from."""
    ours = [(speaker.name, tuple(segment.id for segment in speaker.segments)) for speaker in job.speakers]
    theirs = [(speaker.name, tuple(row.id for row in speaker.segments)) for speaker in former.speakers]
    if ours != theirs:
        yield Fault("bundle", f"{CHANGED} (it has other speakers or lines)")
        return
    edited = edited_lines(former)
    for s, n, segment in job.segments():
        speaker, row = former.speakers[s], former.speakers[s].segments[n]
        if segment.text != row.text and (speaker.name, row.id) not in edited:
            yield Fault("bundle", f"{CHANGED} (the text of {speaker.name}/{row.id} differs)")
            return


def find_lines(revision: Revision, former: Result) -> tuple[dict[Position, LineRevision], list[Fault]]:
    """What is asked, by position, and the faults of lines and takes that are not in the result."""
    places = {
        (speaker.name, row.id): (s, n)
        for s, speaker in enumerate(former.speakers)
        for n, row in enumerate(speaker.segments)
    }
    asked: dict[Position, LineRevision] = {}
    faults: list[Fault] = []
    for number, line in enumerate(revision.lines):
        place = places.get((line.speaker, line.id))
        if place is None:
            faults.append(_unknown(line, f"lines[{number}]", former))
            continue
        row = former.speakers[place[0]].segments[place[1]]
        if line.take is not None and (what := _not_kept(row, line.take)):
            faults.append(Fault(f"lines[{number}].take", what))
        asked[place] = line
    return asked, faults[:_MOST_FAULTS]


def _unknown(line: LineRevision, where: str, former: Result) -> Fault:
    rows = next((speaker.segments for speaker in former.speakers if speaker.name == line.speaker), None)
    if rows is None:
        known = _named([speaker.name for speaker in former.speakers])
        return Fault(f"{where}.speaker", f'"{line.speaker}" is not a speaker; there is {known}')
    known = _named([row.id for row in rows[: _MOST_NAMED + 1]], len(rows))
    return Fault(f"{where}.id", f'"{line.id}" is not a line of {line.speaker}; there is {known}')


def _not_kept(row: SegmentResult, take: int) -> str:
    kept = [str(one.take) for one in row.kept]
    if str(take) in kept:
        return ""
    return f"{take} is not a kept take; " + (
        f"there is {_named(kept)}" if kept else "none is kept of this line"
    )


def _other_voices(job: Job, former: Result, spoken: Mapping[Position, Segment]) -> Iterator[Fault]:
    for s in sorted({s for s, _ in spoken}):
        speaker, before = job.speakers[s], former.speakers[s].voice_key
        if before and before != speaker.voice_key:
            yield Fault(speaker.name, "the reference clips have changed: the new takes have another voice")


def _named(names: Sequence[str], num_names: int = 0) -> str:
    """The first names, and how many there are; `num_names` if these are not all."""
    more = (num_names or len(names)) - _MOST_NAMED
    return any_of(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMED])} and {more:,} more"
