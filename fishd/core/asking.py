"""Questions before takes: what workers look at before a job may start, and what they found.

A worker has one question at a time, beside its takes; jobs take turns. A question that was with a worker
when it died goes to another, at most `max_takes` times, then what it asked about is at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fishd.core.actions import Action, AskClip, AskOptions
from fishd.core.fair import FairQueue
from fishd.core.job import Fault
from fishd.core.jobbook import JobBook, Question
from fishd.core.workerbook import WorkerBook


class Asking:
    """Owns the jobs that have questions to ask."""

    def __init__(self) -> None:
        self._queue = FairQueue(lambda job: bool(job.to_ask))

    def add(self, job: JobBook) -> None:
        if job.to_ask:
            self._queue.add(job)

    def ask(self, workers: Iterable[WorkerBook], now: float) -> Iterator[Action]:
        """Give every ready worker that looks at nothing a question."""
        for worker in workers:
            if worker.questions or worker.keeps_to_itself:
                continue
            job = next(self._queue.turns(), None)
            if job is None:
                return
            question = job.to_ask.popleft()
            job.asked[question.id] = question
            question.asked += 1
            job.begin(now)
            self._queue.served(job)
            worker.take_up(now)
            worker.questions[question.id] = job
            yield _order(worker, job, question)

    @staticmethod
    def answered(job: JobBook, question_id: str, faults: Iterable[str], warnings: Iterable[str]) -> None:
        question = job.asked.pop(question_id, None)
        if question is None:
            return  # the job was cancelled
        job.faults += [Fault(question.where, what) for what in faults]
        job.warnings += [Fault(question.where, what) for what in warnings]

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


def _order(worker: WorkerBook, job: JobBook, question: Question) -> Action:
    if question.path:
        return AskClip(worker.id, question.id, question.path)
    bundle = job.bundle
    languages = {s.language for s in bundle.speakers} | {s.language for _, _, s in bundle.segments()}
    return AskOptions(worker.id, question.id, bundle.engine_options, tuple(sorted(languages)))
