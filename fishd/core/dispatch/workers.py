"""The workers as the dispatcher sees them, and the one step that brings them to what the plan wants.

A post is a device with a number of workers wanted. `reconcile` compares what is wanted with what is
there and says what to do: grow by starting, shrink by draining the idle first, replace workers of an
older generation, or that have outgrown their memory, one by one so that some always serve. On a GPU a new
worker waits until the one it replaces has given its memory back. What the death of a worker means for its
post is in `posts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, DrainWorker, KillWorker, Say, StartWorker
from fishd.core.dispatch.devices import OUT_OF_MEMORY, PostBook
from fishd.core.dispatch.events import PoolPlan, WorkerGone
from fishd.core.dispatch.worker_state import WorkerBook, WorkerState

OUTGROWN_TAKES = 16  # takes that a worker speaks at least before its memory has it replaced
TAKE_PATIENCE = 4  # a take that is in hand for so many take_timeout_s makes no progress, whatever it says


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
        self.posts = {post.device: PostBook.succeed(self.posts.get(post.device), post) for post in plan.posts}

    @property
    def stuck(self) -> bool:
        """Is there no worker, and none to be started?"""
        return not self.workers and all(book.broken or book.wanted == 0 for book in self.posts.values())

    def label(self, device: str) -> str:
        """A device as the log calls it."""
        return self.posts[device].post.label if device in self.posts else device

    def ready(self) -> Iterator[WorkerBook]:
        return (w for w in self.workers.values() if w.state is WorkerState.READY and not w.killed)

    # ---- the one step ------------------------------------------------------------------------------

    def reconcile(self, now: float) -> Iterator[Action]:
        """Bring the workers one step nearer to what is wanted."""
        yield from self._drop_old_loads(now)
        for book in self.posts.values():
            yield from self._grow(book, now)
        yield from self._shrink(now)
        yield from self._renew(now)

    def _drop_old_loads(self, now: float) -> Iterator[Action]:
        """What loads what is no longer wanted need not load it to the end."""
        for worker in self.workers.values():
            if worker.state is WorkerState.STARTING and worker.generation != self.plan.generation:
                yield self.drain(worker, now)

    def _grow(self, book: PostBook, now: float) -> Iterator[Action]:
        """Start what is missing; after a death one at a time, each once the one before is ready."""
        if not book.may_start(now):
            return
        here = self._at(book.post.device)
        serving = [w for w in here if w.serves]
        missing = book.wanted - len(here if self._on_gpu(book) else serving)
        if book.deaths:
            missing = min(missing, 0 if any(w.state is WorkerState.STARTING for w in serving) else 1)
        for _ in range(missing):
            yield self._start(book, now)

    def _shrink(self, now: float) -> Iterator[Action]:
        """Drain what is too many, the least useful first."""
        for device in {worker.device: None for worker in self.workers.values()}:
            serving = [w for w in self._at(device) if w.serves]
            wanted = self.posts[device].wanted if device in self.posts else 0
            surplus = max(0, len(serving) - wanted)
            for worker in sorted(serving, key=self._drain_order)[:surplus]:
                if self._may_go(worker):
                    yield self.drain(worker, now)

    def _renew(self, now: float) -> Iterator[Action]:
        """One worker that is to be replaced makes room, if no other change is under way."""
        if all(self._is_current(w) for w in self.workers.values()):
            return
        if any(w.state is not WorkerState.READY for w in self.workers.values()):
            return
        if any(self._is_short(book) and not book.broken for book in self.posts.values()):
            return
        old = [
            w
            for w in self.workers.values()
            if not self._is_current(w) and w.device in self.posts and self.posts[w.device].may_start(now)
        ]
        if not old:
            return
        worker = min(old, key=self._drain_order)
        book = self.posts[worker.device]
        if len(self.workers) == 1 and not self._on_gpu(book):
            yield self._start(book, now)
        else:
            yield self.drain(worker, now)

    def _may_go(self, worker: WorkerBook) -> bool:
        """The last worker that is ready stays until one that is to come is ready too."""
        if worker.state is WorkerState.STARTING or any(w is not worker for w in self.ready()):
            return True
        loading = any(w.state is WorkerState.STARTING for w in self.workers.values())
        return not loading and not any(
            self._is_short(book) and not book.broken for book in self.posts.values()
        )

    def _is_short(self, book: PostBook) -> bool:
        return sum(w.serves for w in self._at(book.post.device)) < book.wanted

    def _at(self, device: str) -> list[WorkerBook]:
        return [w for w in self.workers.values() if w.device == device]

    def _drain_order(self, worker: WorkerBook) -> tuple[bool, bool, int, int]:
        return self._is_current(worker), worker.state is WorkerState.READY, len(worker.takes), -worker.id

    def _is_current(self, worker: WorkerBook) -> bool:
        return worker.generation == self.plan.generation and not worker.outgrown

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

    def drain_all(self, now: float) -> Iterator[Action]:
        for worker in self.workers.values():
            if worker.serves and not worker.killed:
                yield self.drain(worker, now)

    def kill_all(self, reason: str) -> Iterator[Action]:
        for worker in self.workers.values():
            if not worker.killed:
                yield self.kill(worker, reason)

    # ---- time and death ----------------------------------------------------------------------------

    def overdue(self, now: float) -> Iterator[Action]:
        """Kill what hangs: in loading, in a step, in draining."""
        for worker in self.workers.values():
            due = min(self._deadlines(worker), default=None)
            if due is not None and now >= due[0]:
                yield self.kill(worker, due[1].format(plan=self.plan, patience=TAKE_PATIENCE))

    def next_deadline(self, now: float) -> float | None:
        """The next moment at which time alone changes something."""
        moments = [book.not_before for book in self.posts.values() if book.not_before > now]
        for worker in self.workers.values():
            moments += [moment for moment, _ in self._deadlines(worker)]
        return min(moments, default=None)

    def _deadlines(self, worker: WorkerBook) -> Iterator[tuple[float, str]]:
        """The moments at which a worker is to be killed, with the reasons."""
        plan = self.plan
        if worker.killed:
            return
        if worker.state is WorkerState.STARTING:
            yield worker.started_at + plan.start_timeout_s, "was not ready within {plan.start_timeout_s:g} s"
        if worker.drained_at is not None:
            reason = "had not ended {plan.drain_s:g} s after it was told to"
            yield worker.drained_at + plan.drain_s, reason
        if worker.holds:
            reason = "hung: no progress for {plan.take_timeout_s:g} s"
            yield worker.progress_at + plan.take_timeout_s, reason
        oldest = next((take.since for take in worker.takes.values() if not take.recorded), None)
        if oldest is not None:  # one that is recorded waits for the disk, however long that is full
            reason = "hung: a take had not ended after {patience} × {plan.take_timeout_s:g} s"
            yield oldest + TAKE_PATIENCE * plan.take_timeout_s, reason

    def blames_takes(self, event: WorkerGone, now: float) -> bool:
        """May what the worker had in hand be why it is gone?"""
        worker = self.workers[event.worker]
        book = self.posts.get(worker.device)
        if worker.drained_at is not None:
            return False
        if event.kind != OUT_OF_MEMORY or book is None:
            return True
        return book.wanted <= 1 and not book.is_same_want(worker.started_at, now)

    def bury(self, event: WorkerGone, now: float) -> Iterator[Action]:
        """A worker is gone: what that means for its post."""
        worker = self.workers.pop(event.worker)
        asked_to_go = worker.state is WorkerState.DRAINING
        worker.move("gone")
        book = self.posts.get(worker.device)
        if book is None or asked_to_go:
            return
        text = book.mourn(
            event,
            now,
            started_at=worker.started_at,
            held=worker.holds,
            was_of_use=worker.num_spoken > 0,
            max_takes=self.plan.max_takes,
        )
        if text:
            yield Say("error", f"[Main] {book.post.label}: {text}", worker=event.worker)

    # ---- memory ------------------------------------------------------------------------------------

    def loaded(self, worker: WorkerBook) -> Iterator[Action]:
        """A worker is ready: a budget that its engine alone exceeds is no reason to replace it for ever."""
        book = self.posts.get(worker.device)
        if book is not None and self._is_over(worker, book):
            what = f"holds {worker.memory_gb:.1f} GB as soon as it is loaded, over its budget of"
            yield Say("warning", f"[Worker {worker.id}] {what} {_budget(book)}", worker=worker.id)
            worker.may_outgrow = False

    def weigh(self, worker: WorkerBook) -> Iterator[Action]:
        """A worker that holds more than its budget is replaced, once its takes are spoken."""
        book = self.posts.get(worker.device)
        is_due = worker.may_outgrow and not worker.outgrown and worker.num_spoken >= OUTGROWN_TAKES
        if book is not None and is_due and self._is_over(worker, book):
            worker.outgrown = True
            what = f"holds {worker.memory_gb:.1f} GB, over its budget of {_budget(book)}"
            yield Say("info", f"[Worker {worker.id}] {what}: another takes its place", worker=worker.id)

    @staticmethod
    def _is_over(worker: WorkerBook, book: PostBook) -> bool:
        return bool(book.post.budget_gb) and (worker.memory_gb or 0.0) > book.post.budget_gb

    def of_use(self, worker: WorkerBook) -> None:
        """A worker has spoken a take: its post's luck has turned."""
        worker.num_spoken += 1
        book = self.posts.get(worker.device)
        if book is not None:
            book.deaths = book.crashes = 0


def _budget(book: PostBook) -> str:
    """A budget, with the key that sets it."""
    key = "cpu_memory_gb" if book.post.device == "cpu" else "model_memory_gb"
    return f"{book.post.budget_gb:g} GB (pool.{key})"
