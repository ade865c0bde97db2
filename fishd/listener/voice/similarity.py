"""Similarities between a clip and the voices of a job, whose embeddings are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.quality.voice_check import SAME_VOICE
from fishd.listener.audio import Samples, read_clip
from fishd.listener.voice.encoder import Array, VoiceEncoder
from fishd.wire.listen import ReferenceVoice

MOST_VOICES = 1024


@dataclass(frozen=True, slots=True)
class Likeness:
    """Similarities to the speaker's own reference, and to other voices by name."""

    own: float
    others: Mapping[str, float]


class Voices:
    """Embeddings of references, by their keys."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._encoder = encoder
        # The mutable state: the least recently used first.
        self._known: OrderedDict[str, Array | None] = OrderedDict()

    def compare(
        self, samples: Samples, own: ReferenceVoice, others: Sequence[ReferenceVoice]
    ) -> Likeness | None:
        """None where there is too little speech. Raises OSError for a reference that cannot be read."""
        clip, reference = self._encoder.embed([samples]), self._embedding(own)
        if clip is None or reference is None:
            return None
        similarities: dict[str, float] = {}
        for other in others:
            embedding = self._embedding(other)
            if embedding is not None and float(embedding @ reference) < SAME_VOICE:
                similarities[other.name] = float(embedding @ clip)
        return Likeness(float(reference @ clip), similarities)

    def _embedding(self, voice: ReferenceVoice) -> Array | None:
        if voice.key not in self._known:
            self._known[voice.key] = self._encoder.embed(read_clip(Path(path)) for path in voice.references)
            if len(self._known) > MOST_VOICES:
                self._known.popitem(last=False)
        self._known.move_to_end(voice.key)
        return self._known[voice.key]
