"""What crosses the socket between the daemon and its Ray driver process, which speaks for all nodes.

The driver answers FindNodes by NodesFound. A worker begins with StartActor and ends with ActorExited; what is
sent to it and what it sends travel as Relay and Relayed. The driver exits when the stream ends.
"""

from __future__ import annotations

from fishd.core.sizing.model import Node
from fishd.wire.messages import FromWorker, Load, Message, ToWorker

# ---- from the daemon to the driver -----------------------------------------------------------------


class FindNodes(Message, frozen=True):
    """Which nodes are there, and can they be used with this checkpoint? "" is none."""

    checkpoint: str


class StartActor(Message, frozen=True):
    """Start a worker on a node; Ray accounts for it as `share` of one GPU, or of one CPU."""

    node: str
    share: float
    on_gpu: bool
    env: dict[str, str]
    load: Load


class Relay(Message, frozen=True):
    """A message to a worker. The paths in it are the daemon's."""

    worker: int
    message: ToWorker


class KillActor(Message, frozen=True):
    """Kill the worker; ActorExited follows."""

    worker: int


# ---- from the driver to the daemon -----------------------------------------------------------------


class NodesFound(Message, frozen=True):
    """The usable nodes, and the faults of the others."""

    nodes: tuple[Node, ...]
    faults: tuple[str, ...] = ()


class ActorStarted(Message, frozen=True):
    """The worker process runs; `pid` is its number on its node."""

    worker: int
    pid: int


class Relayed(Message, frozen=True):
    """A message from a worker. A clip that it reports is on the daemon's disk, fsynced."""

    worker: int
    message: FromWorker


class ActorLine(Message, frozen=True):
    """A line that a worker printed."""

    worker: int
    line: str


class ActorExited(Message, frozen=True):
    """The worker is gone; as pool.WorkerExited."""

    worker: int
    kind: str
    reason: str
    needs_gb: float | None = None


class DriverFault(Message, frozen=True):
    """The driver cannot go on and exits; `reason` says what to do."""

    reason: str


ToDriver = FindNodes | StartActor | Relay | KillActor
FromDriver = NodesFound | ActorStarted | Relayed | ActorLine | ActorExited | DriverFault
