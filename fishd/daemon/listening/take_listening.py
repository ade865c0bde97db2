"""Has takes heard: from the dispatcher's action to the journalled verdict and the event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from fishd.core.dispatch.actions import ListenToTake
from fishd.core.dispatch.events import TakeHeard
from fishd.core.model.job import Job, Speaker
from fishd.core.quality.faults import QualityFault
from fishd.core.quality.hearing import Hearing
from fishd.daemon.journal_writer import JournalWriter
from fishd.daemon.listening.listeners import Listeners
from fishd.daemon.listening.schedule import Answer
from fishd.spool.journal.journal import HeardLine
from fishd.spool.work_folder import OUT
from fishd.wire.listen import Listen, ReferenceVoice

_log = logging.getLogger("fishd.listener")
MOST_OTHERS = 15  # other voices that a take is compared with


class TakeListening:
    """Owns what was asked and is not answered. Called from the event loop, by the mailbox's task."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        work: Path,
        recogniser: Path | None,
        journal: JournalWriter,
        report_error: Callable[[str, str], None],
    ) -> None:
        """`report_error` takes what `fishd status` is to show."""
        self._work = work
        self._journal = journal
        self._report_error = report_error
        self._numbers = count()
        # The mutable state.
        self._listeners = Listeners(group, recogniser, self._on_answer)
        self._asked: dict[str, ListenToTake] = {}

    @property
    def num_waiting(self) -> int:
        return len(self._asked)

    def ask(self, action: ListenToTake) -> None:
        request = listen_request(action, str(next(self._numbers)), self._work / action.job.name)
        self._asked[request.id] = action
        self._listeners.ask(request, action.job.name, action.clip.duration_s)

    def forget(self, job: str) -> None:
        self._listeners.forget(job)
        self._asked = {number: asked for number, asked in self._asked.items() if asked.job.name != job}

    def adopt(self, recogniser: Path | None) -> None:
        self._listeners.adopt(recogniser)

    def stop(self) -> None:
        """What was not heard is heard after the next start."""
        self._listeners.stop()

    def _on_answer(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.id, None)
        if asked is None:
            return
        quality = asked.clip.quality
        assert quality is not None
        quality = quality.with_hearing(*_verdict(answer))
        if answer.heard is None:
            text = "segment %s, take %d is accepted unheard: %s"
            values = (asked.segment.id, asked.clip.takes, answer.reason)
            _log.warning(f"[Main] %s: {text}", asked.job.name, *values, extra={"job": asked.job.name})
            self._report_error(asked.job.name, text % values)
        line = HeardLine(asked.speaker_index, asked.segment.id, asked.clip.path, quality)
        clip = replace(asked.clip, quality=quality)
        heard = TakeHeard(asked.job.name, asked.speaker_index, asked.segment_index, clip)
        self._journal.append(asked.job.name, line, then=heard)


def listen_request(action: ListenToTake, number: str, work: Path) -> Listen:
    """The message for a take of the job in `work` (work/NAME)."""
    segment, settings = action.segment, action.job.quality
    others = _others(action.job, action.speaker) if settings.min_similarity else ()
    return Listen(
        id=number,
        clip=str(work / OUT / action.clip.path),
        texts=(segment.speech, segment.text),
        language=segment.language,
        voice=_voice(action.speaker),
        others=others,
        max_wer=settings.max_wer,
        min_similarity=settings.min_similarity,
    )


def _others(job: Job, speaker: Speaker) -> tuple[ReferenceVoice, ...]:
    others = {other.voice_key: other for other in job.speakers if other.voice_key != speaker.voice_key}
    return tuple(_voice(other) for other in list(others.values())[:MOST_OTHERS])


def _voice(speaker: Speaker) -> ReferenceVoice:
    return ReferenceVoice(speaker.name, speaker.voice_key, speaker.files)


def _verdict(answer: Answer) -> tuple[Hearing, tuple[QualityFault, ...]]:
    heard = answer.heard
    if heard is None:
        return Hearing(unheard=answer.reason or "no listener heard it"), ()
    faults = tuple(QualityFault(fault.kind, fault.text, fault.severity) for fault in heard.faults)
    return Hearing(heard.text, heard.wer, heard.similarity), faults
