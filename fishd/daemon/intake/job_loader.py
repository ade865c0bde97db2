"""Reads a claimed bundle, or a job that a crash left in work/, into a JobArrived.

Everything here blocks and runs in threads. What the machine refuses (OSError, SpoolError) is for the caller
to retry; everything else that is wrong with a bundle becomes one of its faults.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from fishd.core.config.config import Config, engine_key
from fishd.core.dispatch.events import JobArrived
from fishd.core.model.job import Clip, Fault, Job, Segment, SegmentFailure
from fishd.core.model.revised_job import RevisedJob
from fishd.daemon.intake.revision_loader import RevisionLoader
from fishd.daemon.publishing.refusal import RevisionRefused, refuse_revision
from fishd.spool.bundle.load import LoadedBundle, read_claimed
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import ClaimedBundle
from fishd.spool.journal.journal import SpokenLine, text_hash
from fishd.spool.journal.recovery import RecoveredJob, recover_one
from fishd.spool.outbox.reuse import take_over
from fishd.spool.root import Spool
from fishd.spool.work_folder import COVER, request_in

_log = logging.getLogger("fishd.arrivals")


class JobLoader:
    """Reads with the configuration in force. `secret` signs clips for reuse; see spool/outbox/reuse.py."""

    def __init__(self, config: Config, spool: Spool, references: ReferenceStore, secret: bytes) -> None:
        self.spool = spool
        self._references = references
        self._secret = secret
        # The mutable state.
        self.config = config

    def load_claimed(self, claimed: ClaimedBundle) -> JobArrived | RevisionRefused:
        if request_in(claimed.folder) is not None:
            return self._load_revision(claimed.folder, None)
        bundle = self._read(claimed.folder)
        faults = (*claimed.faults, *(f for f in bundle.faults if f not in claimed.faults))
        reused = self._reused(None if faults else bundle.job, claimed.folder)
        return _arrival(claimed.name, bundle, faults, {place: (clip,) for place, clip in reused.items()})

    def _reused(self, job: Job | None, folder: Path) -> Mapping[tuple[int, int], Clip]:
        """Clips of earlier jobs."""
        if job is None or not self._may_reuse(job):
            return {}
        engine = engine_key(self.config.engine)
        spool = self.spool
        return take_over(
            job,
            engine,
            self._secret,
            outbox=spool.outbox,
            takes=spool.takes,
            folder=folder,
            disk=spool.disk,
        )

    def _may_reuse(self, job: Job) -> bool:
        return job.retry > 0 or (self.config.output.reuse if job.reuse is None else job.reuse)

    def load_recovered(self, folder: Path) -> JobArrived | RecoveredJob | RevisionRefused | None:
        """Read the bundle again, and match the journal's lines with its segments."""
        left = recover_one(folder, self.spool.disk)
        if left is None or left.complete:
            return left
        if request_in(folder) is not None:
            return self._load_revision(folder, left)
        bundle = self._read(left.folder)
        for fault in left.faults:
            _log.warning("[Main] %s: %s", left.name, fault)
        clips = dict(_clips(left, bundle.job)) if bundle.job else {}
        arrival = _arrival(left.name, bundle, bundle.faults, clips)
        failures = dict(_failures(left, bundle.job)) if bundle.job else {}
        return replace(arrival, failures=failures, cancelled=left.cancelled, is_fresh=not clips)

    def _load_revision(self, folder: Path, left: RecoveredJob | None) -> JobArrived | RevisionRefused:
        """A job of which only some lines are spoken. `left`: what a crash left of it."""
        loaded = RevisionLoader(self.spool, self.config, self._secret, self._read).load(folder)
        revised = loaded.revised
        if revised is None:
            self._references.release(folder.name)
            return refuse_revision(self.spool, folder, loaded.faults)
        clips, failures = _as_before(revised)
        if left is not None:
            clips |= {place: its for place, its in _clips(left, revised.job) if place in revised.spoken}
            failures |= {place: one for place, one in _failures(left, revised.job) if place in revised.spoken}
        return replace(
            _arrival(folder.name, loaded.bundle, (), clips),
            job=revised.job,
            failures=failures,
            cancelled=left is not None and left.cancelled,
            is_fresh=left is None,
            revision=revised,
        )

    def _read(self, folder: Path) -> LoadedBundle:
        """Raises OSError, SpoolError."""
        loaded = self._read_bundle(folder)
        if loaded.cover is not None:
            (folder / COVER).write_bytes(loaded.cover)
        return loaded

    def _read_bundle(self, folder: Path) -> LoadedBundle:
        """A bug in reading one bundle rejects that bundle and stops nothing else.

        Raises SpoolError for what the machine refuses.
        """
        settings, name = BundleSettings.of(self.config), folder.name
        try:
            return read_claimed(folder, settings, self.spool.disk, self._references.of(name))
        except SpoolError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad bundle stops nothing else
            _log.exception("[Main] %s cannot be read: a bug in fishd", name, extra={"job": name})
            what = f"cannot be read: a bug in fishd ({type(error).__name__}); please report it"
            return LoadedBundle(None, (Fault("bundle", what),), (), ())


def _arrival(
    name: str,
    bundle: LoadedBundle,
    faults: tuple[Fault, ...],
    clips: Mapping[tuple[int, int], tuple[Clip, ...]],
) -> JobArrived:
    return JobArrived(
        name=name,
        job=None if faults else bundle.job,
        faults=faults,
        warnings=bundle.warnings,
        references=tuple((reference.where, str(reference.path)) for reference in bundle.references),
        clips=clips,
    )


def _as_before(
    revised: RevisedJob,
) -> tuple[dict[tuple[int, int], tuple[Clip, ...]], dict[tuple[int, int], SegmentFailure]]:
    """The lines that are not spoken, as ended: with their clips, or as failed."""
    rows = {(s, n): revised.row((s, n)) for s, n, _ in revised.job.segments() if (s, n) not in revised.spoken}
    clips = {place: (clip,) for place, clip in revised.clips.items() if place in rows}
    failures = {
        place: SegmentFailure(row.takes, 0, row.error or "", True, row.can_retry is not False)
        for place, row in rows.items()
    }
    return clips, failures


def _clips(left: RecoveredJob, job: Job) -> Iterator[tuple[tuple[int, int], tuple[Clip, ...]]]:
    """The journalled takes of segments that have not changed since."""
    for s, n, segment in job.segments():
        lines = left.spoken.get((s, segment.id), ())
        voice_key = job.speakers[s].voice_key
        if clips := tuple(line.clip for line in lines if _is_of(line, segment, voice_key)):
            yield (s, n), clips


def _is_of(line: SpokenLine, segment: Segment, voice_key: str) -> bool:
    """A clip that was taken over from an earlier job has the first take's file, whatever its number."""
    return (
        line.text_hash == text_hash(segment.speech)
        and line.voice_key == voice_key
        and line.clip.path in (segment.take_clip, segment.take_path(line.clip.takes))
    )


def _failures(left: RecoveredJob, job: Job) -> Iterator[tuple[tuple[int, int], SegmentFailure]]:
    """The journalled failures of segments that have not changed since."""
    for s, n, segment in job.segments():
        line = left.failed.get((s, segment.id))
        if line is not None and line.text_hash == text_hash(segment.speech):
            yield (s, n), SegmentFailure(line.takes, line.deaths, line.reason, line.is_final, line.can_retry)
