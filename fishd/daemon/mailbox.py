"""What else comes into the mailbox, beside the dispatcher's events."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.config.config import BadConfig, Config
from fishd.core.dispatch.events import Event
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.publisher import Finished, PublishAbandoned, Published
from fishd.daemon.watchdog import Heartbeat
from fishd.pool.pool import WorkerExited, WorkerMessage


@dataclass(frozen=True, slots=True)
class InboxScanned:
    """The inbox was looked through: so many bundles in it are not complete yet."""

    waiting: int


@dataclass(frozen=True, slots=True)
class ConfigRead:
    """The configuration was read anew, or could not be; `read_at` is when that began (RFC 3339)."""

    outcome: tuple[Config, Deployment] | BadConfig
    read_at: str


@dataclass(frozen=True, slots=True)
class GpusChanged:
    """Cards are gone, or are there that were not: another plan, and what there is to say, in words."""

    deployment: Deployment
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemReported:
    """Something is wrong that no job will tell of."""

    where: str
    what: str


MailboxMessage = (
    Event
    | WorkerMessage
    | WorkerExited
    | Published
    | Finished
    | PublishAbandoned
    | InboxScanned
    | ConfigRead
    | GpusChanged
    | ProblemReported
    | Heartbeat
)
