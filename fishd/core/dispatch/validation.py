"""Questions before takes: what workers look at before a job may start, and what they found.

A worker has a few questions at a time, beside its takes; jobs take turns. A question that was with a worker
when it died goes to another, where it is alone, at most `max_takes` times, then what it asked about is at
fault. Clips, options and languages that were found good once are not asked about again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fishd.core.dispatch.actions import Action, AskClip, AskOptions
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_state import JobBook, Question
from fishd.core.dispatch.worker_state import WorkerBook
from fishd.core.model.job import Fault

AT_ONCE = 4  # questions to one worker: the answer to one comes while it looks at the next
REMEMBERED = 4096  # clips that were found good
_Asked = tuple[tuple[str, ...], tuple[str, ...]]  # options and languages, in words


class Asking:
    """Owns the jobs that have questions to ask."""

    def __init__(self) -> None:
        self._queue = FairQueue(lambda job: bool(job.to_ask))
        self._found_good: set[_Asked] = set()
        self._good_clips: dict[str, tuple[str, ...]] = {}  # their warnings, by path; the oldest first

    def add(self, job: JobBook) -> None:
        for question in list(job.to_ask):
            if question.path in self._good_clips:
                job.to_ask.remove(question)
                job.warnings += [Fault(question.where, what) for what in self._good_clips[question.path]]
            elif not question.path and _asked(job) in self._found_good:
                job.to_ask.remove(question)
        if job.to_ask:
            self._queue.add(job)

    def forget(self) -> None:
        """Another engine, or other limits, may find other things good."""
        self._found_good.clear()
        self._good_clips.clear()

    def ask(self, workers: Iterable[WorkerBook], now: float) -> Iterator[Action]:
        """Give ready workers that have room a question each, and again until they are full."""
        ready = list(workers)
        for _ in range(AT_ONCE):
            for worker in sorted(ready, key=lambda worker: len(worker.questions)):
                job = next(self._queue.turns(), None)
                if job is None:
                    return
                if _has_room(worker, job.to_ask[0]):
                    yield self._give(worker, job, now)

    def _give(self, worker: WorkerBook, job: JobBook, now: float) -> Action:
        question = job.to_ask.popleft()
        job.asked[question.id] = question
        question.asked += 1
        job.begin(now)
        self._queue.served(job)
        worker.take_up(now)
        worker.questions[question.id] = job
        return _order(worker, job, question)

    def answered(
        self, job: JobBook, question_id: str, faults: Iterable[str], warnings: Iterable[str]
    ) -> None:
        question = job.asked.pop(question_id, None)
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
        while len(self._good_clips) > REMEMBERED:
            del self._good_clips[next(iter(self._good_clips))]

    def lost(self, job: JobBook, question_id: str, reason: str, *, blamed: bool, most: int) -> None:
        """The worker ended while it looked. `blamed`: what it looked at may be why."""
        question = job.asked.pop(question_id, None)
        if question is None:
            return
        if not blamed:
            question.asked -= 1
        if question.asked < most:
            job.to_ask.append(question)
            self._queue.add(job, again=True)
        else:
            what = f"looking at it ended {question.asked} workers, the last one thus: {reason}"
            job.faults.append(Fault(question.where, what))


def _has_room(worker: WorkerBook, question: Question) -> bool:
    """A question that was lost with a worker is alone with the next one: it may be why."""
    if worker.keeps_to_itself or any(
        job.asked[q].asked > 1 for q, job in worker.questions.items() if q in job.asked
    ):
        return False
    return not worker.questions if question.asked else len(worker.questions) < AT_ONCE


def _order(worker: WorkerBook, job: JobBook, question: Question) -> Action:
    if question.path:
        return AskClip(worker.id, question.id, question.path)
    return AskOptions(worker.id, question.id, job.bundle.engine_options, _languages(job))


def _languages(job: JobBook) -> tuple[str, ...]:
    bundle = job.bundle
    return tuple(
        sorted({s.language for s in bundle.speakers} | {s.language for _, _, s in bundle.segments()})
    )


def _asked(job: JobBook) -> _Asked:
    options = (f"{key}={value!r}" for key, value in job.bundle.engine_options.items())
    return tuple(sorted(options)), _languages(job)
