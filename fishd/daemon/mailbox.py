"""What comes into the mailbox beside the dispatcher's events."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.config.config import BadConfig, Config
from fishd.core.dispatch.events import Event
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.hooks import HookEnded
from fishd.daemon.publishing.publisher import PublishEnded
from fishd.daemon.watchdog import Heartbeat


@dataclass(frozen=True, slots=True)
class InboxScanned:
    """The inbox was scanned; `waiting` bundles in it are not complete yet."""

    waiting: int


@dataclass(frozen=True, slots=True)
class ConfigRead:
    """The configuration was read again, or could not be; `read_at` is when that began (RFC 3339)."""

    outcome: tuple[Config, Deployment] | BadConfig
    read_at: str


@dataclass(frozen=True, slots=True)
class GpusChanged:
    """GPUs disappeared or appeared: the new plan, and the changes in words."""

    deployment: Deployment
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemReported:
    """A problem that belongs to no job."""

    where: str
    what: str


MailboxMessage = (
    Event | PublishEnded | HookEnded | InboxScanned | ConfigRead | GpusChanged | ProblemReported | Heartbeat
)
