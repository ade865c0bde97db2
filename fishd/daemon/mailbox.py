"""What else comes into the mailbox, beside the dispatcher's events."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.config.config import BadConfig, Config
from fishd.core.dispatch.events import Event
from fishd.daemon.config.pool_plan import Hiring
from fishd.daemon.publishing.publisher import Finished, Published, Unpublished
from fishd.daemon.watchdog import Beat
from fishd.pool.pool import Ended, Heard


@dataclass(frozen=True, slots=True)
class Scanned:
    """The inbox was looked through: so many bundles in it are not complete yet."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The configuration was read anew, or could not be; `read_at` is when that began (RFC 3339)."""

    outcome: tuple[Config, Hiring] | BadConfig
    read_at: str


@dataclass(frozen=True, slots=True)
class CardsChanged:
    """Cards are gone, or are there that were not: another plan, and what there is to say, in words."""

    hiring: Hiring
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong that no job will tell of."""

    where: str
    what: str


Mail = (
    Event
    | Heard
    | Ended
    | Published
    | Finished
    | Unpublished
    | Scanned
    | Reloaded
    | CardsChanged
    | Trouble
    | Beat
)
