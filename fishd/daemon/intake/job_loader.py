"""What stands in work/, read: a claimed bundle, or what a crash left of a job, becomes a JobArrived.

Everything here blocks, and is called in threads. What the machine refuses (OSError, SpoolError) is for the
caller to try again; everything else that is wrong with a bundle ends in its faults.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from fishd.core.config.config import Config, engine_key
from fishd.core.dispatch.events import JobArrived
from fishd.core.model.job import Clip, Fault, Job
from fishd.spool.bundle.load import LoadedBundle, read_claimed
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import ClaimedBundle
from fishd.spool.journal.journal import text_hash
from fishd.spool.journal.recovery import RecoveredJob, recover_one
from fishd.spool.outbox.reuse import take_over
from fishd.spool.root import Spool

_log = logging.getLogger("fishd.arrivals")


class JobLoader:
    """Reads with the configuration that is in force. `secret`: see spool/reuse.py."""

    def __init__(self, config: Config, spool: Spool, voices: ReferenceStore, secret: bytes) -> None:
        self.spool = spool
        self._voices = voices
        self._secret = secret
        # The mutable state.
        self.config = config

    def load_claimed(self, claimed: ClaimedBundle) -> JobArrived:
        """Read a claimed bundle."""
        reading = self._read(claimed.folder)
        faults = (*claimed.faults, *(f for f in reading.faults if f not in claimed.faults))
        clips = self._taken_over(None if faults else reading.job, claimed.folder)
        return _arrival(claimed.name, reading, faults, clips)

    def _taken_over(self, job: Job | None, folder: Path) -> Mapping[tuple[int, int], Clip]:
        """What an earlier job has spoken already."""
        if job is None or not (self.config.output.reuse if job.reuse is None else job.reuse):
            return {}
        engine = engine_key(self.config.engine)
        spool = self.spool
        return take_over(job, engine, self._secret, outbox=spool.outbox, folder=folder, disk=spool.disk)

    def load_recovered(self, folder: Path) -> JobArrived | RecoveredJob | None:
        """Read the bundle again, and match the journal's clips with its segments."""
        left = recover_one(folder, self.spool.disk)
        if left is None or left.complete:
            return left
        reading = self._read(left.folder)
        clips = dict(_done(left, reading.job)) if reading.job else {}
        for fault in left.faults:
            _log.warning("[Main] %s: %s", left.name, fault)
        return _arrival(
            left.name, reading, reading.faults, clips, cancelled=left.cancelled, is_fresh=not clips
        )

    def _read(self, folder: Path) -> LoadedBundle:
        """A fault of ours in reading one bundle rejects that bundle; it stops nothing else.

        Raises SpoolError for what the machine refuses.
        """
        limits, audio_format, name = self.config.limits, self.config.output.format, folder.name
        try:
            return read_claimed(folder, limits, audio_format, self.spool.disk, self._voices.of(name))
        except SpoolError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad bundle stops nothing else
            _log.exception("[Main] %s cannot be read: a fault of fishd", name, extra={"job": name})
            what = f"cannot be read: a fault of fishd ({type(error).__name__}); please report it"
            return LoadedBundle(None, (Fault("bundle", what),), (), ())


def _arrival(
    name: str,
    reading: LoadedBundle,
    faults: tuple[Fault, ...],
    clips: Mapping[tuple[int, int], Clip],
    *,
    cancelled: bool = False,
    is_fresh: bool = True,
) -> JobArrived:
    return JobArrived(
        name=name,
        job=None if faults else reading.job,
        faults=faults,
        warnings=reading.warnings,
        references=tuple((reference.where, str(reference.path)) for reference in reading.references),
        clips=clips,
        cancelled=cancelled,
        is_fresh=is_fresh,
    )


def _done(left: RecoveredJob, job: Job) -> Iterator[tuple[tuple[int, int], Clip]]:
    """The journal's clips of segments that have not changed since."""
    for s, n, segment in job.segments():
        line = left.spoken.get((s, segment.id))
        same = (
            line is not None
            and line.text_hash == text_hash(segment.text)
            and line.voice_key == job.speakers[s].voice_key
            and line.clip.path == segment.clip
        )
        if line is not None and same:
            yield (s, n), line.clip
