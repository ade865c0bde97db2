"""The workers as the dispatcher sees them, and the one step that brings them to what the plan wants.

A post is a device with a number of workers wanted. `reconcile` compares what is wanted with what is
there and says what to do: grow by starting, shrink by draining the idle first, replace workers of an
older generation, or that have outgrown their memory, one by one so that some always serve. On a GPU a new
worker waits until the one it replaces has given its memory back. What the death of a worker means for its
post is in `posts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, DrainWorker, KillWorker, LogMessage, StartWorker
from fishd.core.dispatch.devices import OUT_OF_MEMORY, DeviceState
from fishd.core.dispatch.events import PoolPlan, WorkerGone
from fishd.core.dispatch.worker_state import WorkerRecord, WorkerState

MIN_TAKES_BEFORE_REPLACEMENT = 16  # takes that a worker speaks at least before its memory has it replaced
MAX_TAKE_TIMEOUTS = 4  # a take that is in hand for so many take_timeout_s makes no progress, whatever it says


class Workers:
    """All posts and workers; owned by the dispatcher."""

    def __init__(self, plan: PoolPlan) -> None:
        self.plan = plan
        # The mutable state.
        self.devices: dict[str, DeviceState] = {}
        self.by_id: dict[int, WorkerRecord] = {}
        self._next_worker = 0
        self.adopt(plan)

    def adopt(self, plan: PoolPlan) -> None:
        """Take over a new plan. It closes every breaker."""
        self.plan = plan
        self.devices = {
            post.device: DeviceState.carry_over(self.devices.get(post.device), post) for post in plan.devices
        }

    @property
    def is_stuck(self) -> bool:
        """Is there no worker, and none to be started?"""
        return not self.by_id and all(book.is_broken or book.wanted == 0 for book in self.devices.values())

    def label(self, device: str) -> str:
        """A device as the log calls it."""
        return self.devices[device].plan.label if device in self.devices else device

    def ready(self) -> Iterator[WorkerRecord]:
        return (w for w in self.by_id.values() if w.state is WorkerState.READY and not w.is_killed)

    # ---- the one step ------------------------------------------------------------------------------

    def reconcile(self, now: float) -> Iterator[Action]:
        """Bring the workers one step nearer to what is wanted."""
        yield from self._cancel_outdated_starts(now)
        for book in self.devices.values():
            yield from self._grow(book, now)
        yield from self._shrink(now)
        yield from self._replace_outdated(now)

    def _cancel_outdated_starts(self, now: float) -> Iterator[Action]:
        """What loads what is no longer wanted need not load it to the end."""
        for worker in self.by_id.values():
            if worker.state is WorkerState.STARTING and worker.generation != self.plan.generation:
                yield self.drain(worker, now)

    def _grow(self, book: DeviceState, now: float) -> Iterator[Action]:
        """Start what is missing; after a death one at a time, each once the one before is ready."""
        if not book.may_start(now):
            return
        here = self._at(book.plan.device)
        serving = [w for w in here if w.is_serving]
        missing = book.wanted - len(here if self._on_gpu(book) else serving)
        if book.deaths:
            missing = min(missing, 0 if any(w.state is WorkerState.STARTING for w in serving) else 1)
        for _ in range(missing):
            yield self._start(book, now)

    def _shrink(self, now: float) -> Iterator[Action]:
        """Drain what is too many, the least useful first."""
        for device in {worker.device: None for worker in self.by_id.values()}:
            serving = [w for w in self._at(device) if w.is_serving]
            wanted = self.devices[device].wanted if device in self.devices else 0
            surplus = max(0, len(serving) - wanted)
            for worker in sorted(serving, key=self._drain_order)[:surplus]:
                if self._may_drain(worker):
                    yield self.drain(worker, now)

    def _replace_outdated(self, now: float) -> Iterator[Action]:
        """One worker that is to be replaced makes room, if no other change is under way."""
        if all(self._is_current(w) for w in self.by_id.values()):
            return
        if any(w.state is not WorkerState.READY for w in self.by_id.values()):
            return
        if any(self._lacks_workers(book) and not book.is_broken for book in self.devices.values()):
            return
        old = [
            w
            for w in self.by_id.values()
            if not self._is_current(w) and w.device in self.devices and self.devices[w.device].may_start(now)
        ]
        if not old:
            return
        worker = min(old, key=self._drain_order)
        book = self.devices[worker.device]
        if len(self.by_id) == 1 and not self._on_gpu(book):
            yield self._start(book, now)
        else:
            yield self.drain(worker, now)

    def _may_drain(self, worker: WorkerRecord) -> bool:
        """The last worker that is ready stays until one that is to come is ready too."""
        if worker.state is WorkerState.STARTING or any(w is not worker for w in self.ready()):
            return True
        loading = any(w.state is WorkerState.STARTING for w in self.by_id.values())
        return not loading and not any(
            self._lacks_workers(book) and not book.is_broken for book in self.devices.values()
        )

    def _lacks_workers(self, book: DeviceState) -> bool:
        return sum(w.is_serving for w in self._at(book.plan.device)) < book.wanted

    def _at(self, device: str) -> list[WorkerRecord]:
        return [w for w in self.by_id.values() if w.device == device]

    def _drain_order(self, worker: WorkerRecord) -> tuple[bool, bool, int, int]:
        return self._is_current(worker), worker.state is WorkerState.READY, len(worker.takes), -worker.id

    def _is_current(self, worker: WorkerRecord) -> bool:
        return worker.generation == self.plan.generation and not worker.is_over_budget

    @staticmethod
    def _on_gpu(book: DeviceState) -> bool:
        return book.plan.device != "cpu"

    def _start(self, book: DeviceState, now: float) -> Action:
        worker = WorkerRecord(self._next_worker, book.plan.device, self.plan.generation, now, now)
        self.by_id[worker.id] = worker
        self._next_worker += 1
        return StartWorker(worker.id, worker.device, worker.generation)

    def drain(self, worker: WorkerRecord, now: float) -> Action:
        """One that still loads holds nothing and is ended at once."""
        starting = worker.state is WorkerState.STARTING
        worker.move("drain")
        worker.drained_at = now
        if starting:
            return self.kill(worker, "no longer wanted")
        return DrainWorker(worker.id)

    def kill(self, worker: WorkerRecord, reason: str) -> Action:
        worker.is_killed = True
        return KillWorker(worker.id, reason)

    def drain_all(self, now: float) -> Iterator[Action]:
        for worker in self.by_id.values():
            if worker.is_serving and not worker.is_killed:
                yield self.drain(worker, now)

    def kill_all(self, reason: str) -> Iterator[Action]:
        for worker in self.by_id.values():
            if not worker.is_killed:
                yield self.kill(worker, reason)

    # ---- time and death ----------------------------------------------------------------------------

    def overdue(self, now: float) -> Iterator[Action]:
        """Kill what hangs: in loading, in a step, in draining."""
        for worker in self.by_id.values():
            due = min(self._deadlines(worker), default=None)
            if due is not None and now >= due[0]:
                yield self.kill(worker, due[1].format(plan=self.plan, patience=MAX_TAKE_TIMEOUTS))

    def next_deadline(self, now: float) -> float | None:
        """The next moment at which time alone changes something."""
        moments = [book.earliest_start for book in self.devices.values() if book.earliest_start > now]
        for worker in self.by_id.values():
            moments += [moment for moment, _ in self._deadlines(worker)]
        return min(moments, default=None)

    def _deadlines(self, worker: WorkerRecord) -> Iterator[tuple[float, str]]:
        """The moments at which a worker is to be killed, with the reasons."""
        plan = self.plan
        if worker.is_killed:
            return
        if worker.state is WorkerState.STARTING:
            yield worker.started_at + plan.start_timeout_s, "was not ready within {plan.start_timeout_s:g} s"
        if worker.drained_at is not None:
            reason = "had not ended {plan.drain_s:g} s after it was told to"
            yield worker.drained_at + plan.drain_s, reason
        if worker.is_busy:
            reason = "hung: no progress for {plan.take_timeout_s:g} s"
            yield worker.progress_at + plan.take_timeout_s, reason
        oldest = next((take.since for take in worker.takes.values() if not take.is_synthesized), None)
        if oldest is not None:  # one that is recorded waits for the disk, however long that is full
            reason = "hung: a take had not ended after {patience} × {plan.take_timeout_s:g} s"
            yield oldest + MAX_TAKE_TIMEOUTS * plan.take_timeout_s, reason

    def blames_takes(self, event: WorkerGone, now: float) -> bool:
        """May what the worker had in hand be why it is gone?"""
        worker = self.by_id[event.worker]
        book = self.devices.get(worker.device)
        if worker.drained_at is not None:
            return False
        if event.kind != OUT_OF_MEMORY or book is None:
            return True
        return book.wanted <= 1 and not book.is_same_shortage(worker.started_at, now)

    def on_exit(self, event: WorkerGone, now: float) -> Iterator[Action]:
        """A worker is gone: what that means for its post."""
        worker = self.by_id.pop(event.worker)
        asked_to_go = worker.state is WorkerState.DRAINING
        worker.move("gone")
        book = self.devices.get(worker.device)
        if book is None or asked_to_go:
            return
        text = book.on_worker_exit(
            event,
            now,
            started_at=worker.started_at,
            held=worker.is_busy,
            was_of_use=worker.num_spoken > 0,
            max_takes=self.plan.max_takes,
        )
        if text:
            yield LogMessage("error", f"[Main] {book.plan.label}: {text}", worker=event.worker)

    # ---- memory ------------------------------------------------------------------------------------

    def check_initial_memory(self, worker: WorkerRecord) -> Iterator[Action]:
        """A worker is ready: a budget that its engine alone exceeds is no reason to replace it for ever."""
        book = self.devices.get(worker.device)
        if book is not None and self._is_over(worker, book):
            what = f"holds {worker.memory_gb:.1f} GB as soon as it is loaded, over its budget of"
            yield LogMessage("warning", f"[Worker {worker.id}] {what} {_budget(book)}", worker=worker.id)
            worker.may_exceed_budget = False

    def check_memory(self, worker: WorkerRecord) -> Iterator[Action]:
        """A worker that holds more than its budget is replaced, once its takes are spoken."""
        book = self.devices.get(worker.device)
        is_due = (
            worker.may_exceed_budget
            and not worker.is_over_budget
            and worker.num_spoken >= MIN_TAKES_BEFORE_REPLACEMENT
        )
        if book is not None and is_due and self._is_over(worker, book):
            worker.is_over_budget = True
            what = f"holds {worker.memory_gb:.1f} GB, over its budget of {_budget(book)}"
            yield LogMessage(
                "info", f"[Worker {worker.id}] {what}: another takes its place", worker=worker.id
            )

    @staticmethod
    def _is_over(worker: WorkerRecord, book: DeviceState) -> bool:
        return bool(book.plan.budget_gb) and (worker.memory_gb or 0.0) > book.plan.budget_gb

    def on_take_completed(self, worker: WorkerRecord) -> None:
        """A worker has spoken a take: its post's luck has turned."""
        worker.num_spoken += 1
        book = self.devices.get(worker.device)
        if book is not None:
            book.deaths = book.crashes = 0


def _budget(book: DeviceState) -> str:
    """A budget, with the key that sets it."""
    key = "cpu_memory_gb" if book.plan.device == "cpu" else "model_memory_gb"
    return f"{book.plan.budget_gb:g} GB (pool.{key})"
