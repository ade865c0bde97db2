"""What is published of a job that is over: its result and the files that are rendered from it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import msgspec

from fishd.core.model.clip_key import with_keys
from fishd.core.model.job import Fault, Job
from fishd.core.model.job_result import make_result
from fishd.core.model.outcome import JobOutcome, without_clips
from fishd.core.model.result import Result, SegmentResult
from fishd.core.text.humanize import times_real_time
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.publishing.delivered import with_delivery
from fishd.daemon.publishing.kept_takes import with_former_keys, with_kept_takes
from fishd.spool.names import reference_paths
from fishd.spool.outbox.reuse import digest_of
from fishd.spool.work_folder import FINAL, OUT
from fishd.view.page.page import render_page
from fishd.view.report.summary import render, result_json
from fishd.wire.assembly import AssemblyResult

_log = logging.getLogger("fishd.publisher")


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job that is over, its result, and what the assembly made of it, if it was assembled."""

    outcome: JobOutcome
    result: Result
    made: AssemblyResult | None = None

    @property
    def keeps_takes(self) -> bool:
        """Are all its takes kept, beside the clips?"""
        return self.result.takes_folder is not None

    @property
    def tree(self) -> str:
        """The folder in work/NAME that becomes the result."""
        return OUT if self.made is None and not self.links else FINAL

    @property
    def clips(self) -> list[str]:
        """The files in it that are to be published; of an assembled job with its tracks."""
        if self.made is not None:
            return [file.path for file in self.made.files]
        return list(self._spoken)

    @property
    def links(self) -> dict[str, str]:
        """The clips' files in out/ by their published names; empty if out/ itself is to be published."""
        if self.made is not None:
            return {}
        is_out = all(name == path for name, path in self._spoken.items())
        return {} if is_out and not self.keeps_takes else self._spoken

    @property
    def references(self) -> dict[str, str]:
        """Our copies of the reference clips, by the names that they get in the result."""
        speakers = self.outcome.job.speakers if self.outcome.job else ()
        paths = reference_paths([(speaker.name, speaker.files) for speaker in speakers])
        return {
            path: file
            for speaker, names in zip(speakers, paths, strict=True)
            for path, file in zip(names, speaker.files, strict=True)
        }

    @property
    def _spoken(self) -> dict[str, str]:
        """The file of each line's best take, by the name that the line's first take has."""
        outcome = self.outcome
        if outcome.job is None:
            return {}
        return {
            segment.take_clip: end.clip.path
            for s, n, segment in outcome.job.segments()
            if (end := outcome.segments[s][n]).clip is not None
        }


def report(outcome: JobOutcome, device_names: Mapping[str, str]) -> FinishedJob:
    """The report of a job that is over now."""
    now = time.time()
    result = make_result(outcome, rfc3339(now - outcome.wall_s), rfc3339(now), device_names)
    return FinishedJob(outcome, _with_history(outcome, result))


def report_assembled(finished: FinishedJob, job: Job, made: AssemblyResult | str) -> FinishedJob:
    """With what was made of it, or a warning that says why nothing was."""
    outcome, result = finished.outcome, finished.result
    if isinstance(made, AssemblyResult):
        folder = result.takes_folder or _new_takes_folder(job.name)
        return FinishedJob(outcome, with_delivery(result, outcome, job, made, folder), made)
    what = f"not assembled: {made}; the clips are as they were spoken, and there are no tracks"
    warnings = (*result.warnings, Fault("output", what))
    return FinishedJob(outcome, msgspec.structs.replace(result, warnings=warnings))


def without_former(finished: FinishedJob) -> FinishedJob:
    """The report of a revision that replaces nothing: somebody has removed the former result."""
    result = finished.result
    gone = Fault(f"outbox/{result.job}", "the former result was no longer in the outbox")
    return replace(finished, result=msgspec.structs.replace(result, warnings=(*result.warnings, gone)))


def without_removed(finished: FinishedJob, clips: Collection[str]) -> FinishedJob:
    """The report of a job whose clips somebody has removed: their segments have failed."""
    why = "its clip was removed before the job was published"
    outcome = without_clips(finished.outcome, dict.fromkeys(clips, why))
    old = finished.result
    result = _with_history(outcome, make_result(outcome, old.started, old.finished, {}))
    kept = {
        "device_names": old.device_names,
        "warnings": old.warnings,
        "takes_folder": old.takes_folder,
    }
    return FinishedJob(outcome, msgspec.structs.replace(result, **kept))


def files_of(
    finished: FinishedJob, archived: str, secret: bytes, references: Collection[str]
) -> dict[str, bytes]:
    """The rendered files of a report; `archived` is where its bundle will be, `secret` signs its clips.

    `references` are the reference clips that are published with it.
    """
    keyed = _with_keys(finished, secret)
    if finished.outcome.revision is not None:
        keyed = with_former_keys(keyed, finished.outcome.revision)
    kept = with_kept_takes(finished.outcome, keyed, secret) if finished.keeps_takes else keyed
    result = _with_references(finished, _with_published_names(finished, kept), references)
    return {
        "summary.txt": _rendered(render, result, archived),
        "summary.html": _rendered(render_page, result, archived),
        "result.json": result_json(result),
    }


def log_result(result: Result) -> None:
    """The job's last lines in its own log and the daemon's."""
    totals = result.totals
    spoken = f"{totals.done} of {totals.segments} segments, {totals.audio_s:.1f} s of speech"
    speed = f" in {totals.wall_s:.1f} s ({times_real_time(totals.speech_rate)})" if totals.done else ""
    level = logging.INFO if result.status == "done" else logging.WARNING
    extra = {"job": result.job}
    for fault in result.errors:
        _log.log(level, "[Main] %s: %s", result.job, fault, extra=extra)
    _log.log(level, "[Main] %s: %s: %s%s", result.job, result.status.value, spoken, speed, extra=extra)


def _with_history(outcome: JobOutcome, result: Result) -> Result:
    """With what the revisions of the job were, and a name for the folder of its takes if they are kept."""
    revised = outcome.revision
    if _keeps_takes(outcome):
        result = msgspec.structs.replace(result, takes_folder=_new_takes_folder(outcome.name))
    if revised is None:
        return result
    entry = msgspec.structs.replace(revised.entry, at=result.finished)
    history = (*revised.former.revisions, entry)
    return msgspec.structs.replace(result, revision=entry.number, revisions=history)


def _keeps_takes(outcome: JobOutcome) -> bool:
    """Are all takes kept? Those of a revised job are; of another one if a line has several."""
    ends = [end for row in outcome.segments for end in row if end.clip]
    if outcome.job is None or not ends:
        return False
    if outcome.revision is not None:
        return True
    return outcome.job.quality.keep_takes and any(len(end.spoken) > 1 for end in ends)


def _new_takes_folder(name: str) -> str:
    """No two results share one."""
    return f"{name}-{secrets.token_hex(4)}"


def _with_keys(finished: FinishedJob, secret: bytes) -> Result:
    outcome = finished.outcome
    if outcome.job is None or not outcome.engine_key:
        return finished.result
    hashes = {end.clip.path: end.clip.content_hash for row in outcome.segments for end in row if end.clip}
    return with_keys(
        finished.result,
        outcome.job,
        outcome.engine_key,
        lambda clip, key: digest_of(hashes[clip], key, secret),
    )


def _with_published_names(finished: FinishedJob, result: Result) -> Result:
    """With the clips under the lines' names; a take that is kept has its own name beside them."""
    if not finished.links:
        return result
    names = {path: name for name, path in finished.links.items()}

    def published(row: SegmentResult) -> SegmentResult:
        take = row.clip if finished.keeps_takes else None
        return msgspec.structs.replace(row, clip=names.get(row.clip or ""), take=take)

    speakers = tuple(
        msgspec.structs.replace(speaker, segments=tuple(map(published, speaker.segments)))
        for speaker in result.speakers
    )
    return msgspec.structs.replace(result, speakers=speakers)


def _with_references(finished: FinishedJob, result: Result, published: Collection[str]) -> Result:
    if not published or finished.outcome.job is None:
        return result
    named = [(speaker.name, speaker.files) for speaker in finished.outcome.job.speakers]
    speakers = tuple(
        msgspec.structs.replace(speaker, references=tuple(path for path in paths if path in published))
        for speaker, paths in zip(result.speakers, reference_paths(named), strict=True)
    )
    return msgspec.structs.replace(result, speakers=speakers)


def _rendered(render: Callable[[Result, str], str], result: Result, archived: str) -> bytes:
    """A summary; a bug in rendering it costs nothing else."""
    try:
        return render(result, archived).encode()
    except Exception:  # noqa: BLE001 - one bad job stops nothing else
        _log.exception("[Main] %s: a summary cannot be rendered; result.json is complete", result.job)
        return b"This summary could not be rendered; see result.json.\n"
