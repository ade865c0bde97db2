"""The workers as the dispatcher sees them, and the one step that brings them to what the plan wants.

A post is a device with a number of workers wanted. `reconcile` compares what is wanted with what is
there and says what to do: grow by starting, shrink by draining the idle first, replace workers of an
older generation one by one so that some always serve. On a GPU a new worker waits until the one it
replaces has given its memory back. Deaths before a worker is of use back off and open a breaker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.actions import Action, DrainWorker, KillWorker, Say, StartWorker
from fishd.core.events import PoolPlan, Post, WorkerGone
from fishd.core.jobbook import JobBook

MAX_BACKOFF_S = 60.0
BREAKER_DEATHS = 5
REMEMBERED_VOICES = 256


class WorkerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


_S, _R, _D, _G = WorkerState
WORKER_MOVES: dict[tuple[WorkerState, str], WorkerState] = {
    (_S, "ready"): _R,
    (_S, "drain"): _D,
    (_R, "drain"): _D,
    (_D, "ready"): _D,
    (_S, "gone"): _G,
    (_R, "gone"): _G,
    (_D, "gone"): _G,
}


@dataclass(slots=True)
class InHand:
    """A take that a worker holds."""

    job: JobBook
    speaker: int
    segment: int
    number: int
    seed: int
    alone: bool
    since: float


@dataclass(slots=True)
class WorkerBook:
    """One worker process."""

    id: int
    device: str
    generation: int
    started_at: float
    progress_at: float
    state: WorkerState = WorkerState.STARTING
    slots: int = 0
    takes: dict[str, InHand] = field(default_factory=dict[str, InHand])
    questions: dict[str, JobBook] = field(default_factory=dict[str, JobBook])
    voices: set[str] = field(default_factory=set[str])
    announced: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    num_spoken: int = 0
    drained_at: float | None = None
    killed: bool = False
    memory_gb: float | None = None

    def move(self, step: str) -> None:
        self.state = WORKER_MOVES[self.state, step]

    @property
    def holds(self) -> bool:
        return bool(self.takes or self.questions)

    @property
    def free_slots(self) -> int:
        if self.state is not WorkerState.READY or self.killed or any(t.alone for t in self.takes.values()):
            return 0
        return self.slots - len(self.takes)

    def learn(self, voice_key: str) -> None:
        if len(self.voices) >= REMEMBERED_VOICES:
            self.voices.clear()
        self.voices.add(voice_key)


@dataclass(slots=True)
class PostBook:
    """One device: what is wanted of it and how its workers fared."""

    post: Post
    fewer: int = 0  # workers taken away by out-of-memory
    deaths: int = 0  # in a row, of workers that had been of no use
    not_before: float = 0.0
    broken: bool = False
    restarts: int = 0
    last_fault: str = ""

    @property
    def wanted(self) -> int:
        return max(min(self.post.wanted, 1), self.post.wanted - self.fewer)


class Crew:
    """All posts and workers; owned by the dispatcher."""

    def __init__(self, plan: PoolPlan) -> None:
        self.plan = plan
        # The mutable state.
        self.posts: dict[str, PostBook] = {}
        self.workers: dict[int, WorkerBook] = {}
        self._next_worker = 0
        self.adopt(plan)

    def adopt(self, plan: PoolPlan) -> None:
        """Take over a new plan. It closes every breaker."""
        self.plan = plan
        old = self.posts
        self.posts = {}
        for post in plan.posts:
            book = PostBook(post)
            if post.device in old:
                book.restarts, book.last_fault = old[post.device].restarts, old[post.device].last_fault
            self.posts[post.device] = book

    @property
    def stuck(self) -> bool:
        """Is there no worker, and none to be started?"""
        return not self.workers and all(book.broken or book.wanted == 0 for book in self.posts.values())

    def ready(self) -> Iterator[WorkerBook]:
        return (w for w in self.workers.values() if w.state is WorkerState.READY and not w.killed)

    # ---- the one step ------------------------------------------------------------------------------

    def reconcile(self, now: float) -> Iterator[Action]:
        """Bring the workers one step nearer to what is wanted."""
        for worker in list(self.workers.values()):
            if worker.device not in self.posts and worker.state in (WorkerState.STARTING, WorkerState.READY):
                yield self.drain(worker, now)
        for book in self.posts.values():
            yield from self._reconcile_post(book, now)

    def _reconcile_post(self, book: PostBook, now: float) -> Iterator[Action]:
        here = [w for w in self.workers.values() if w.device == book.post.device]
        may_start = not book.broken and now >= book.not_before
        serving = [w for w in here if w.state in (WorkerState.STARTING, WorkerState.READY)]
        old = [w for w in serving if w.generation != self.plan.generation]
        if len(serving) > book.wanted:
            for worker in sorted(serving, key=self._drain_order)[: len(serving) - book.wanted]:
                if self._may_go(worker, book):
                    yield self.drain(worker, now)
            return
        occupied = len(here) if self._on_gpu(book) else len(serving)
        if occupied < book.wanted and may_start:
            for _ in range(book.wanted - occupied):
                yield self._start(book, now)
        elif old and may_start and len(here) == book.wanted:
            yield from self._replace_one(book, old, now)

    def _replace_one(self, book: PostBook, old: list[WorkerBook], now: float) -> Iterator[Action]:
        """One worker of an older generation makes room, if no other change is under way."""
        if any(w.state is not WorkerState.READY for w in self.workers.values()):
            return
        if len(self.workers) == 1 and not self._on_gpu(book):
            yield self._start(book, now)
        else:
            yield self.drain(min(old, key=self._drain_order), now)

    def _may_go(self, worker: WorkerBook, book: PostBook) -> bool:
        """The last worker that serves stays until the one that replaces it is ready."""
        others = [w for w in self.ready() if w is not worker]
        coming = any(w.state is WorkerState.STARTING for w in self.workers.values() if w is not worker)
        return book.wanted == 0 or bool(others) or not coming

    def _drain_order(self, worker: WorkerBook) -> tuple[bool, bool, int, int]:
        current = worker.generation == self.plan.generation
        return current, worker.state is WorkerState.READY, len(worker.takes), -worker.id

    @staticmethod
    def _on_gpu(book: PostBook) -> bool:
        return book.post.device != "cpu"

    def _start(self, book: PostBook, now: float) -> Action:
        worker = WorkerBook(self._next_worker, book.post.device, self.plan.generation, now, now)
        self.workers[worker.id] = worker
        self._next_worker += 1
        return StartWorker(worker.id, worker.device, worker.generation)

    def drain(self, worker: WorkerBook, now: float) -> Action:
        """One that still loads holds nothing and is ended at once."""
        starting = worker.state is WorkerState.STARTING
        worker.move("drain")
        worker.drained_at = now
        if starting:
            return self.kill(worker, "no longer wanted")
        return DrainWorker(worker.id)

    def kill(self, worker: WorkerBook, reason: str) -> Action:
        worker.killed = True
        return KillWorker(worker.id, reason)

    # ---- time and death ----------------------------------------------------------------------------

    def overdue(self, now: float) -> Iterator[Action]:
        """Kill what hangs: in loading, in a step, in draining."""
        plan = self.plan
        for worker in self.workers.values():
            if worker.killed:
                continue
            if worker.state is WorkerState.STARTING and now - worker.started_at >= plan.start_timeout_s:
                yield self.kill(worker, f"was not ready within {plan.start_timeout_s:g} s")
            elif worker.drained_at is not None and now - worker.drained_at >= plan.drain_s:
                yield self.kill(worker, f"had takes in hand {plan.drain_s:g} s after it was to end")
            elif worker.holds and now - worker.progress_at >= plan.take_timeout_s:
                yield self.kill(worker, f"hung: no progress for {plan.take_timeout_s:g} s")

    def next_deadline(self, now: float) -> float | None:
        """The next moment at which time alone changes something."""
        plan = self.plan
        moments = [book.not_before for book in self.posts.values() if book.not_before > now]
        for worker in self.workers.values():
            if worker.killed:
                continue
            if worker.state is WorkerState.STARTING:
                moments.append(worker.started_at + plan.start_timeout_s)
            if worker.drained_at is not None:
                moments.append(worker.drained_at + plan.drain_s)
            if worker.holds:
                moments.append(worker.progress_at + plan.take_timeout_s)
        return min(moments, default=None)

    def bury(self, event: WorkerGone, now: float) -> Iterator[Action]:
        """A worker is gone: what that means for its post."""
        worker = self.workers.pop(event.worker)
        asked_to_go = worker.state is WorkerState.DRAINING
        held = worker.holds
        worker.move("gone")
        book = self.posts.get(worker.device)
        if book is None or asked_to_go:
            return
        book.restarts += 1
        book.last_fault = event.reason
        if event.kind == "out of memory":
            yield from self._one_fewer(book, event, now)
        elif not held:
            yield from self._back_off(book, event, now)

    def _one_fewer(self, book: PostBook, event: WorkerGone, now: float) -> Iterator[Action]:
        if book.wanted <= 1:
            yield from self._back_off(book, event, now)
            return
        book.fewer += 1
        text = f"{book.post.label}: out of memory; it runs {book.wanted} workers now. {event.reason}"
        yield Say("warning", f"[Main] {text}", worker=event.worker)

    def _back_off(self, book: PostBook, event: WorkerGone, now: float) -> Iterator[Action]:
        book.deaths += 1
        where = f"[Main] {book.post.label}: worker {event.worker} ended before it was of use"
        if book.deaths >= BREAKER_DEATHS:
            book.broken = True
            yield Say(
                "error",
                f"{where}, {book.deaths} in a row: no more are started here until `fishd reload`",
                worker=event.worker,
            )
            return
        pause_s = min(2.0 ** (book.deaths - 1), MAX_BACKOFF_S)
        book.not_before = now + pause_s
        yield Say("error", f"{where}; the next one starts in {pause_s:g} s", worker=event.worker)

    def of_use(self, worker: WorkerBook) -> None:
        """A worker has spoken a take: its post's luck has turned."""
        worker.num_spoken += 1
        book = self.posts.get(worker.device)
        if book is not None:
            book.deaths = 0
