"""One clip: its words and its voice, judged."""

from __future__ import annotations

from pathlib import Path

from fishd.core.quality.faults import QualityFault
from fishd.core.quality.voice_check import check_voice
from fishd.core.quality.words.check import WordsChecked, check_words
from fishd.listener.audio import Samples, read_clip
from fishd.listener.recogniser import Recogniser
from fishd.listener.spelling import spell
from fishd.listener.voice.similarity import Voices
from fishd.wire.listen import Heard, HeardFault, Listen


class Listening:
    """The loaded models; `voices` is None where no speaker encoder is installed."""

    def __init__(self, recogniser: Recogniser, voices: Voices | None) -> None:
        self._recogniser = recogniser
        self._voices = voices

    def hear(self, request: Listen) -> Heard:
        """Raises OSError for a clip or a reference that cannot be read."""
        samples = read_clip(Path(request.clip))
        text, words = self._words(request, samples)
        similarity, voice_fault = self._voice(request, samples)
        faults = (*words.faults, *([voice_fault] if voice_fault else []))
        return Heard(
            id=request.id,
            text=text,
            wer=words.wer,
            similarity=similarity,
            faults=tuple(HeardFault(fault.kind, fault.text, fault.severity) for fault in faults),
        )

    def _words(self, request: Listen, samples: Samples) -> tuple[str, WordsChecked]:
        if not self._recogniser.knows(request.language):
            return "", WordsChecked(None)
        first = self._recognise(request, samples, carefully=False)
        if not first[1].faults:
            return first
        # A recogniser errs more often than an engine: only what it hears twice is a fault.
        second = self._recognise(request, samples, carefully=True)
        return min(first, second, key=lambda heard: heard[1].wer or 0.0)

    def _recognise(self, request: Listen, samples: Samples, *, carefully: bool) -> tuple[str, WordsChecked]:
        text = self._recogniser.recognise(samples, request.language, carefully=carefully)
        return text, check_words(request.texts, text, request.language, request.max_wer, spell)

    def _voice(self, request: Listen, samples: Samples) -> tuple[float | None, QualityFault | None]:
        if self._voices is None:
            return None, None
        others = request.others if request.min_similarity > 0 else ()
        likeness = self._voices.compare(samples, request.voice, others)
        if likeness is None:
            return None, None
        fault = check_voice(likeness.own, likeness.others, request.min_similarity)
        return round(likeness.own, 3), fault
