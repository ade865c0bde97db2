"""Questions before takes: what workers look at before a job may start, and what they found.

A worker has a few questions at a time, beside its takes; jobs take turns. A question that was with a worker
when it died goes to another, where it is alone, at most `max_takes` times, then what it asked about is at
fault. Clips, options and languages that were found good once are not asked about again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fishd.core.dispatch.actions import Action, InspectReference, ValidateOptions
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_state import InputCheck, JobRecord
from fishd.core.dispatch.worker_state import WorkerRecord
from fishd.core.model.job import Fault

MAX_CHECKS_PER_WORKER = 4  # questions to one worker: the answer to one comes while it looks at the next
MAX_KNOWN_CLIPS = 4096  # clips that were found good
_Asked = tuple[tuple[str, ...], tuple[str, ...]]  # options and languages, in words


class Validation:
    """Owns the jobs that have questions to ask."""

    def __init__(self) -> None:
        self._queue = FairQueue(lambda job: bool(job.pending_checks))
        self._found_good: set[_Asked] = set()
        self._good_clips: dict[str, tuple[str, ...]] = {}  # their warnings, by path; the oldest first

    def add(self, job: JobRecord) -> None:
        for question in list(job.pending_checks):
            if question.path in self._good_clips:
                job.pending_checks.remove(question)
                job.warnings += [Fault(question.where, what) for what in self._good_clips[question.path]]
            elif not question.path and _asked(job) in self._found_good:
                job.pending_checks.remove(question)
        if job.pending_checks:
            self._queue.add(job)

    def reset(self) -> None:
        """Another engine, or other limits, may find other things good."""
        self._found_good.clear()
        self._good_clips.clear()

    def assign(self, workers: Iterable[WorkerRecord], now: float) -> Iterator[Action]:
        """Give ready workers that have room a question each, and again until they are full."""
        ready = list(workers)
        for _ in range(MAX_CHECKS_PER_WORKER):
            for worker in sorted(ready, key=lambda worker: len(worker.checks)):
                job = next(self._queue.in_order(), None)
                if job is None:
                    return
                if _has_room(worker, job.pending_checks[0]):
                    yield self._give(worker, job, now)

    def _give(self, worker: WorkerRecord, job: JobRecord, now: float) -> Action:
        question = job.pending_checks.popleft()
        job.running_checks[question.id] = question
        question.attempts += 1
        job.mark_started(now)
        self._queue.rotate(job)
        worker.note_assignment(now)
        worker.checks[question.id] = job
        return _order(worker, job, question)

    def on_result(
        self, job: JobRecord, question_id: str, faults: Iterable[str], warnings: Iterable[str]
    ) -> None:
        question = job.running_checks.pop(question_id, None)
        if question is None:
            return  # the job was cancelled
        faults, warnings = tuple(faults), tuple(warnings)
        if not faults and question.path:
            self._remember(question.path, warnings)
        elif not faults:
            self._found_good.add(_asked(job))
        job.faults += [Fault(question.where, what) for what in faults]
        job.warnings += [Fault(question.where, what) for what in warnings]

    def _remember(self, path: str, warnings: tuple[str, ...]) -> None:
        self._good_clips[path] = warnings
        while len(self._good_clips) > MAX_KNOWN_CLIPS:
            del self._good_clips[next(iter(self._good_clips))]

    def on_worker_lost(
        self, job: JobRecord, question_id: str, reason: str, *, blamed: bool, most: int
    ) -> None:
        """The worker ended while it looked. `blamed`: what it looked at may be why."""
        question = job.running_checks.pop(question_id, None)
        if question is None:
            return
        if not blamed:
            question.attempts -= 1
        if question.attempts < most:
            job.pending_checks.append(question)
            self._queue.add(job, again=True)
        else:
            what = f"looking at it ended {question.attempts} workers, the last one thus: {reason}"
            job.faults.append(Fault(question.where, what))


def _has_room(worker: WorkerRecord, question: InputCheck) -> bool:
    """A question that was lost with a worker is alone with the next one: it may be why."""
    if worker.is_exclusive or any(
        job.running_checks[q].attempts > 1 for q, job in worker.checks.items() if q in job.running_checks
    ):
        return False
    return not worker.checks if question.attempts else len(worker.checks) < MAX_CHECKS_PER_WORKER


def _order(worker: WorkerRecord, job: JobRecord, question: InputCheck) -> Action:
    if question.path:
        return InspectReference(worker.id, question.id, question.path)
    return ValidateOptions(worker.id, question.id, job.job.engine_options, _languages(job))


def _languages(job: JobRecord) -> tuple[str, ...]:
    bundle = job.job
    return tuple(
        sorted({s.language for s in bundle.speakers} | {s.language for _, _, s in bundle.segments()})
    )


def _asked(job: JobRecord) -> _Asked:
    options = (f"{key}={value!r}" for key, value in job.job.engine_options.items())
    return tuple(sorted(options)), _languages(job)
