"""Input checks before a job's first take: which worker runs which check, and what came of it.

A worker has a few checks at a time, beside its takes; jobs take turns. A check that was lost with its worker
goes to another one, where it runs alone; after `max_takes` losses its input is at fault. Clips, options and
languages that passed once are not checked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fishd.core.dispatch.actions import Action, InspectReference, ValidateOptions
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_state import InputCheck, JobRecord
from fishd.core.dispatch.worker_state import WorkerRecord
from fishd.core.dispatch.workers import MAX_UNCOUNTED
from fishd.core.model.job import Fault
from fishd.core.quality.features import SignalFeatures

MAX_CHECKS_PER_WORKER = 4  # so that a worker has the next one while its result travels
MAX_PASSED_CLIPS = 4096  # remembered
_OptionsKey = tuple[tuple[str, ...], tuple[str, ...]]  # options and languages, as text

_Passed = tuple[tuple[str, ...], SignalFeatures | None]  # a clip's warnings and features


class Validation:
    """Owns the queue of jobs that have checks pending."""

    def __init__(self) -> None:
        self._queue = FairQueue(lambda job: bool(job.pending_checks))
        self._passed_options: set[_OptionsKey] = set()
        self._passed_clips: dict[str, _Passed] = {}  # by path; oldest first

    def add(self, job: JobRecord) -> None:
        for check in list(job.pending_checks):
            if check.path in self._passed_clips:
                job.pending_checks.remove(check)
                _accept(job, check, *self._passed_clips[check.path])
            elif not check.path and _options_key(job) in self._passed_options:
                job.pending_checks.remove(check)
        if job.pending_checks:
            self._queue.add(job)

    def reset(self) -> None:
        """Another engine, or other limits, may judge otherwise."""
        self._passed_options.clear()
        self._passed_clips.clear()

    def assign(self, workers: Iterable[WorkerRecord], now: float) -> Iterator[Action]:
        """Give each ready worker that has room a check, and again until they are full."""
        ready = list(workers)
        for _ in range(MAX_CHECKS_PER_WORKER):
            for worker in sorted(ready, key=lambda worker: len(worker.checks)):
                job = next(self._queue.in_order(), None)
                if job is None:
                    return
                if _has_room(worker, job.pending_checks[0]):
                    yield self._give(worker, job, now)

    def _give(self, worker: WorkerRecord, job: JobRecord, now: float) -> Action:
        check = job.pending_checks.popleft()
        job.running_checks[check.id] = check
        check.attempts += 1
        job.mark_started(now)
        self._queue.rotate(job)
        worker.note_assignment(now)
        worker.checks[check.id] = job
        return _order(worker, job, check)

    def on_result(
        self,
        job: JobRecord,
        check_id: str,
        faults: tuple[str, ...],
        warnings: tuple[str, ...],
        features: SignalFeatures | None = None,
    ) -> None:
        check = job.running_checks.pop(check_id, None)
        if check is None:
            return  # the job was cancelled
        if not faults and check.path:
            self._remember(check.path, (warnings, features))
        elif not faults:
            self._passed_options.add(_options_key(job))
        job.faults += [Fault(check.where, what) for what in faults]
        _accept(job, check, warnings, features)

    def _remember(self, path: str, passed: _Passed) -> None:
        self._passed_clips[path] = passed
        while len(self._passed_clips) > MAX_PASSED_CLIPS:
            del self._passed_clips[next(iter(self._passed_clips))]

    def on_worker_lost(self, job: JobRecord, check_id: str, reason: str, *, blamed: bool, most: int) -> None:
        """The worker exited during the check. `blamed`: the check's input may be why."""
        check = job.running_checks.pop(check_id, None)
        if check is None:
            return
        if not blamed and check.uncounted < MAX_UNCOUNTED:
            check.uncounted += 1
            check.attempts -= 1
        if check.attempts < most:
            job.pending_checks.append(check)
            self._queue.add(job, again=True)
        else:
            what = f"checking it ended {check.attempts} workers; the last one: {reason}"
            job.faults.append(Fault(check.where, what))


def _accept(
    job: JobRecord, check: InputCheck, warnings: tuple[str, ...], features: SignalFeatures | None
) -> None:
    job.warnings += [Fault(check.where, what) for what in warnings]
    if features is not None:
        job.baselines.add_reference(check.path, features)


def _has_room(worker: WorkerRecord, check: InputCheck) -> bool:
    """A check that was lost with a worker runs alone in the next one."""
    if worker.is_exclusive or any(
        job.running_checks[id_].attempts > 1
        for id_, job in worker.checks.items()
        if id_ in job.running_checks
    ):
        return False
    return not worker.checks if check.attempts else len(worker.checks) < MAX_CHECKS_PER_WORKER


def _order(worker: WorkerRecord, job: JobRecord, check: InputCheck) -> Action:
    if check.path:
        return InspectReference(worker.id, check.id, check.path)
    return ValidateOptions(worker.id, check.id, job.job.engine_options, _languages(job))


def _languages(job: JobRecord) -> tuple[str, ...]:
    bundle = job.job
    return tuple(
        sorted({s.language for s in bundle.speakers} | {s.language for _, _, s in bundle.segments()})
    )


def _options_key(job: JobRecord) -> _OptionsKey:
    options = (f"{key}={value!r}" for key, value in job.job.engine_options.items())
    return tuple(sorted(options)), _languages(job)
