"""The programs that run as child processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fishd.wire.listen import FromListener
from fishd.wire.messages import FromWorker

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Program(Generic[M]):
    """`python -m module` sends messages of the union `incoming`; `label` is its name in the log."""

    module: str
    label: str
    incoming: Any


WORKER: Program[FromWorker] = Program("fishd.worker", "Worker", FromWorker)
LISTENER: Program[FromListener] = Program("fishd.listener", "Listener", FromListener)
