"""What crosses the pipe between a listener and the process that started it: the daemon or `fishd listen`.

A listener answers Load by Ready (`slots` is 1), then every Listen by Heard or ListenError, in order; it ends
at Stop. The frames, Ready, Stop and WorkerFault are a worker's (`fishd.wire.messages`).
"""

from __future__ import annotations

import msgspec

from fishd.core.quality.faults import FaultKind
from fishd.wire.messages import Message, Ready, Stop, WorkerFault


class LoadListener(Message, frozen=True, tag="Load"):
    """Load the recogniser in this folder: a model of faster-whisper."""

    worker: int
    recogniser: str


class ReferenceVoice(msgspec.Struct, frozen=True):
    """A speaker's reference clips; `key` is a hash of them, by which a listener remembers the voice."""

    name: str
    key: str
    references: tuple[str, ...]


class Listen(Message, frozen=True):
    """Listen to a clip of one of `texts`: the line as it is spoken, and as it is written.

    With a `min_similarity` of 0 the voice is measured, not judged. `others` are the job's other voices.
    """

    id: str
    clip: str
    texts: tuple[str, ...]
    language: str
    voice: ReferenceVoice
    others: tuple[ReferenceVoice, ...] = ()
    max_wer: float = 0.3
    min_similarity: float = 0.0


class HeardFault(msgspec.Struct, frozen=True):
    """A QualityFault."""

    kind: FaultKind
    text: str
    severity: float


class Heard(Message, frozen=True):
    """What was heard: `wer` and `similarity` are None where they cannot be judged."""

    id: str
    text: str
    wer: float | None
    similarity: float | None
    faults: tuple[HeardFault, ...] = ()
    memory_gb: float | None = None


class ListenError(Message, frozen=True):
    """The clip cannot be listened to."""

    id: str
    reason: str


ToListener = LoadListener | Listen | Stop
FromListener = Ready | Heard | ListenError | WorkerFault
