"""The workers as the dispatcher sees them, and the reconciliation with the plan.

`reconcile` compares the workers wanted on each device with those that run: it starts what is missing, drains
what is too many (the idle first), and replaces workers of an older generation, or over their memory budget,
one by one, so that some always serve. On a GPU a new worker waits until the one that it replaces has freed
its memory. What a worker's exit means for its device is decided in `devices.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, DrainWorker, KillWorker, LogMessage, StartWorker
from fishd.core.dispatch.devices import NODE_LOST, OUT_OF_MEMORY, DeviceState
from fishd.core.dispatch.events import PoolPlan, WorkerGone
from fishd.core.dispatch.worker_state import WorkerRecord, WorkerState

MIN_TAKES_BEFORE_REPLACEMENT = 16  # that a worker speaks before it may be replaced for its memory
MAX_TAKE_TIMEOUTS = 4  # a take in flight for so many take_timeout_s hangs, whatever progress is reported
MAX_UNCOUNTED = 10  # losses of a take or check by no fault of its own: chance does not hit it more often


class Workers:
    """All devices and workers; owned by the dispatcher."""

    def __init__(self, plan: PoolPlan) -> None:
        self.plan = plan
        # The mutable state.
        self.devices: dict[str, DeviceState] = {}
        self.by_id: dict[int, WorkerRecord] = {}
        self._next_worker = 0
        self.adopt(plan)

    def adopt(self, plan: PoolPlan) -> None:
        """Replace the plan. This closes every circuit breaker."""
        self.plan = plan
        self.devices = {
            device.device: DeviceState.carry_over(self.devices.get(device.device), device)
            for device in plan.devices
        }

    @property
    def is_stuck(self) -> bool:
        """Is there no worker, and none that may be started?"""
        return not self.by_id and all(d.is_broken or d.wanted == 0 for d in self.devices.values())

    @property
    def is_one_generation(self) -> bool:
        """Does every worker belong to the current generation?"""
        return all(w.generation == self.plan.generation for w in self.by_id.values())

    def label(self, device: str) -> str:
        """A device's name in the log."""
        return self.devices[device].plan.label if device in self.devices else device

    def ready(self) -> Iterator[WorkerRecord]:
        return (w for w in self.by_id.values() if w.state is WorkerState.READY and not w.is_killed)

    # ---- reconciliation ----------------------------------------------------------------------------

    def reconcile(self, now: float) -> Iterator[Action]:
        """Bring the workers one step nearer to the plan."""
        yield from self._cancel_outdated_starts(now)
        for device in self.devices.values():
            yield from self._grow(device, now)
        yield from self._shrink(now)
        yield from self._replace_outdated(now)

    def _cancel_outdated_starts(self, now: float) -> Iterator[Action]:
        """A worker that loads an outdated engine is ended at once."""
        for worker in self.by_id.values():
            if worker.state is WorkerState.STARTING and worker.generation != self.plan.generation:
                yield self.drain(worker, now)

    def _grow(self, device: DeviceState, now: float) -> Iterator[Action]:
        """Start what is missing; after an early exit one at a time, each when the one before is ready."""
        if not device.may_start(now):
            return
        here = self._at(device.plan.device)
        serving = [w for w in here if w.is_serving]
        missing = device.wanted - len(here if self._on_gpu(device) else serving)
        if device.early_exits:
            missing = min(missing, 0 if any(w.state is WorkerState.STARTING for w in serving) else 1)
        for _ in range(missing):
            yield self._start(device, now)

    def _shrink(self, now: float) -> Iterator[Action]:
        """Drain what is too many, outdated and idle workers first."""
        for name in {worker.device: None for worker in self.by_id.values()}:
            serving = [w for w in self._at(name) if w.is_serving]
            wanted = self.devices[name].wanted if name in self.devices else 0
            surplus = max(0, len(serving) - wanted)
            for worker in sorted(serving, key=self._drain_order)[:surplus]:
                if self._may_drain(worker):
                    yield self.drain(worker, now)

    def _replace_outdated(self, now: float) -> Iterator[Action]:
        """Drain one worker that is to be replaced, if no other change is under way."""
        if all(self._is_current(w) for w in self.by_id.values()):
            return
        if any(w.state is not WorkerState.READY for w in self.by_id.values()):
            return
        if self._is_growing():
            return
        old = [
            w
            for w in self.by_id.values()
            if not self._is_current(w) and w.device in self.devices and self.devices[w.device].may_start(now)
        ]
        if not old:
            return
        worker = min(old, key=self._drain_order)
        device = self.devices[worker.device]
        if len(self.by_id) == 1 and not self._on_gpu(device):
            yield self._start(device, now)
        else:
            yield self.drain(worker, now)

    def _may_drain(self, worker: WorkerRecord) -> bool:
        """The last ready worker stays until another is ready."""
        if worker.state is WorkerState.STARTING or any(w is not worker for w in self.ready()):
            return True
        loading = any(w.state is WorkerState.STARTING for w in self.by_id.values())
        return not loading and not self._is_growing()

    def _is_growing(self) -> bool:
        """Does a device that may get workers lack some?"""
        return any(
            not device.is_broken and sum(w.is_serving for w in self._at(device.plan.device)) < device.wanted
            for device in self.devices.values()
        )

    def _at(self, device: str) -> list[WorkerRecord]:
        return [w for w in self.by_id.values() if w.device == device]

    def _drain_order(self, worker: WorkerRecord) -> tuple[bool, bool, int, int]:
        return self._is_current(worker), worker.state is WorkerState.READY, len(worker.takes), -worker.id

    def _is_current(self, worker: WorkerRecord) -> bool:
        return worker.generation == self.plan.generation and not worker.is_over_budget

    @staticmethod
    def _on_gpu(device: DeviceState) -> bool:
        return not device.plan.is_cpu

    def _start(self, device: DeviceState, now: float) -> Action:
        worker = WorkerRecord(self._next_worker, device.plan.device, self.plan.generation, now, now)
        self.by_id[worker.id] = worker
        self._next_worker += 1
        return StartWorker(worker.id, worker.device, worker.generation)

    def drain(self, worker: WorkerRecord, now: float) -> Action:
        """A worker that still loads holds nothing and is killed at once."""
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

    # ---- timeouts and exits ------------------------------------------------------------------------

    def overdue(self, now: float) -> Iterator[Action]:
        """Kill workers that hang while loading, stepping or draining."""
        for worker in self.by_id.values():
            due = min(self._deadlines(worker), default=None)
            if due is not None and now >= due[0]:
                yield self.kill(worker, due[1].format(plan=self.plan, timeouts=MAX_TAKE_TIMEOUTS))

    def next_deadline(self, now: float) -> float | None:
        """When a timeout or the end of a back-off is next due."""
        moments = [d.earliest_start for d in self.devices.values() if d.earliest_start > now]
        for worker in self.by_id.values():
            moments += [moment for moment, _ in self._deadlines(worker)]
        return min(moments, default=None)

    def _deadlines(self, worker: WorkerRecord) -> Iterator[tuple[float, str]]:
        """When a worker is to be killed, and why."""
        plan = self.plan
        if worker.is_killed:
            return
        if worker.state is WorkerState.STARTING:
            yield worker.started_at + plan.start_timeout_s, "was not ready within {plan.start_timeout_s:g} s"
        if worker.drained_at is not None:
            reason = "had not exited {plan.drain_s:g} s after it was told to"
            yield worker.drained_at + plan.drain_s, reason
        if worker.is_busy:
            reason = "hung: no progress for {plan.take_timeout_s:g} s"
            yield worker.progress_at + plan.take_timeout_s, reason
        oldest = next((take.since for take in worker.takes.values() if not take.is_synthesized), None)
        if oldest is not None:  # a synthesized take waits for the disk, which may be full for long
            reason = "hung: a take had not ended after {timeouts} × {plan.take_timeout_s:g} s"
            yield oldest + MAX_TAKE_TIMEOUTS * plan.take_timeout_s, reason

    def blames_takes(self, event: WorkerGone, now: float) -> bool:
        """May the worker's takes be why it exited?"""
        worker = self.by_id[event.worker]
        device = self.devices.get(worker.device)
        if worker.drained_at is not None or event.kind == NODE_LOST:
            return False
        if event.kind != OUT_OF_MEMORY or device is None:
            return True
        return device.wanted <= 1 and not device.is_same_shortage(worker.started_at, now)

    def on_exit(self, event: WorkerGone, now: float) -> Iterator[Action]:
        """Remove the worker, and apply its exit to its device."""
        worker = self.by_id.pop(event.worker)
        was_draining = worker.state is WorkerState.DRAINING
        worker.move("gone")
        device = self.devices.get(worker.device)
        if device is None or was_draining:
            return
        text = device.on_worker_exit(
            event,
            now,
            started_at=worker.started_at,
            was_busy=worker.is_busy,
            had_spoken=worker.num_spoken > 0,
            max_takes=self.plan.max_takes,
        )
        if text:
            yield LogMessage("error", f"[Main] {device.plan.label}: {text}", worker=event.worker)

    # ---- memory ------------------------------------------------------------------------------------

    def check_initial_memory(self, worker: WorkerRecord) -> Iterator[Action]:
        """Warn of a budget that the loaded engine alone exceeds; replacing the worker would not help."""
        device = self.devices.get(worker.device)
        if device is not None and self._is_over(worker, device):
            what = f"holds {worker.memory_gb:.1f} GB as soon as it is loaded, over its budget of"
            yield LogMessage("warning", f"[Worker {worker.id}] {what} {_budget(device)}", worker=worker.id)
            worker.is_replaceable = False

    def check_memory(self, worker: WorkerRecord) -> Iterator[Action]:
        """Have a worker that exceeds its budget replaced, once it has spoken some takes."""
        device = self.devices.get(worker.device)
        is_due = (
            worker.is_replaceable
            and not worker.is_over_budget
            and worker.num_spoken >= MIN_TAKES_BEFORE_REPLACEMENT
        )
        if device is not None and is_due and self._is_over(worker, device):
            worker.is_over_budget = True
            what = f"holds {worker.memory_gb:.1f} GB, over its budget of {_budget(device)}"
            yield LogMessage("info", f"[Worker {worker.id}] {what}: replacing it", worker=worker.id)

    @staticmethod
    def _is_over(worker: WorkerRecord, device: DeviceState) -> bool:
        return bool(device.plan.budget_gb) and (worker.memory_gb or 0.0) > device.plan.budget_gb

    def on_take_completed(self, worker: WorkerRecord) -> None:
        """Count the take, and reset the device's failure counters."""
        worker.num_spoken += 1
        device = self.devices.get(worker.device)
        if device is not None:
            device.early_exits = device.crashes = device.node_losses = 0


def _budget(device: DeviceState) -> str:
    """A budget, with the key that sets it."""
    key = "cpu_memory_gb" if device.plan.is_cpu else "model_memory_gb"
    return f"{device.plan.budget_gb:g} GB (pool.{key})"
