"""What a user asks of a published job: other takes, other texts, a kept take, pronunciations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LineRevision:
    """What is asked of one line. Without a `text` and a `take`: another take of the text that it has.

    `text` is spoken in place of the line's text; `take` is the number of a kept take that becomes its clip.
    """

    speaker: str
    id: str
    text: str | None = None
    take: int | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A request for the job whose result is outbox/JOB: at least one line, or pronunciations.

    `pronounce` holds for the whole job, this revision and later ones: lines in which it changes what is
    spoken are spoken again.
    """

    job: str
    lines: tuple[LineRevision, ...] = ()
    pronounce: Mapping[str, str] = field(default_factory=dict[str, str])
