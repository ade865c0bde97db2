"""The dispatcher with its hands and its clock: an event comes in, and what follows from it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import Event, TakeCompleted, TakeFailed, Tick
from fishd.daemon.executor import ActionExecutor


class Controller:
    """Belongs to the mailbox's task. `post` brings it a Tick when time alone would change something."""

    def __init__(
        self, dispatcher: Dispatcher, executor: ActionExecutor, post: Callable[[Tick], None]
    ) -> None:
        """To be called in a running loop."""
        self.dispatcher = dispatcher
        self.executor = executor
        self._post = post
        self._loop = asyncio.get_running_loop()
        # The mutable state.
        self._timer: asyncio.TimerHandle | None = None

    def apply(self, event: Event) -> None:
        """Tell the dispatcher, and do what it says."""
        if isinstance(event, TakeFailed | TakeCompleted):
            self.executor.orders.pop(event.take, None)
        for action in self.dispatcher.handle(event, self._loop.time()):
            self.executor.execute(action)
        self._arm_timer()

    def _arm_timer(self) -> None:
        """One timer, never later than the next deadline; one that rings too early does no harm."""
        deadline = self.dispatcher.next_deadline(self._loop.time())
        if self._timer is not None:
            if deadline is None or self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._post(Tick())
