"""Checks clips: the signal by a worker, the words by listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.cli.listening.clips import SpokenClip
from fishd.cli.single_worker import WorkerLost, ask_each
from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.signal_check import assess_take
from fishd.daemon.listening.listeners import Listeners
from fishd.daemon.listening.schedule import Answer
from fishd.wire.listen import Heard, Listen, ReferenceVoice
from fishd.wire.messages import Inspect, Inspected

_ANY_LENGTH_S = 1e9
_NO_VOICE = ReferenceVoice("", "", ())  # a result does not hold its references


@dataclass(frozen=True, slots=True)
class CheckedClip:
    """The faults in words; `heard` is None where nobody listened, for the reason `unheard` if that failed."""

    clip: SpokenClip
    faults: tuple[str, ...]
    heard: Heard | None = None
    unheard: str = ""


async def check_clips(
    clips: Sequence[SpokenClip], recogniser: Path | None, max_wer: float, progress: Callable[[int], None]
) -> list[CheckedClip]:
    """Each clip's faults, in order; `progress` gets the number of clips heard. None: only the signal."""
    signal = await _signal_faults(clips)
    answers: Mapping[str, Answer] = {}
    if recogniser is not None:
        answers = await _listen(clips, recogniser, max_wer, progress)
    return [_checked(clip, signal[n], answers.get(str(n))) for n, clip in enumerate(clips)]


def _checked(clip: SpokenClip, signal: tuple[str, ...], answer: Answer | None) -> CheckedClip:
    heard = answer.heard if answer else None
    words = tuple(fault.text for fault in heard.faults) if heard else ()
    return CheckedClip(clip, (*signal, *words), heard, answer.reason if answer else "")


async def _signal_faults(clips: Sequence[SpokenClip]) -> list[tuple[str, ...]]:
    questions = [Inspect(clip.name, str(clip.path), 0.0, _ANY_LENGTH_S, _ANY_LENGTH_S) for clip in clips]
    answers = await ask_each(questions)
    measured = [answer.features if isinstance(answer, Inspected) else None for answer in answers]
    baselines = _baselines(clips, measured)
    faults: list[tuple[str, ...]] = []
    for clip, features, answer in zip(clips, measured, answers, strict=True):
        if features is not None:
            quality = assess_take(features, clip.spoken, baselines[clip.speaker])
            faults.append(tuple(fault.text for fault in quality.faults))
        elif isinstance(answer, WorkerLost):
            faults.append((f"cannot be decoded: the decoder crashed or hung ({answer})",))
        else:
            faults.append((answer.fault if isinstance(answer, Inspected) else "cannot be read",))
    return faults


def _baselines(
    clips: Sequence[SpokenClip], measured: Sequence[SignalFeatures | None]
) -> Mapping[str, SpeakerBaseline]:
    """What is usual for each speaker, by all clips: a median forgives the faulty ones."""
    baselines: dict[str, SpeakerBaseline] = {}
    for clip, features in zip(clips, measured, strict=True):
        baseline = baselines.setdefault(clip.speaker, SpeakerBaseline())
        if features is not None:
            baselines[clip.speaker] = baseline.with_take(
                assess_take(features, clip.spoken, SpeakerBaseline())
            )
    return baselines


async def _listen(
    clips: Sequence[SpokenClip], recogniser: Path, max_wer: float, progress: Callable[[int], None]
) -> Mapping[str, Answer]:
    answers: dict[str, Answer] = {}
    all_answered = asyncio.Event()

    def receive(answer: Answer) -> None:
        answers[answer.id] = answer
        progress(len(answers))
        if len(answers) == len(clips):
            all_answered.set()

    async with asyncio.TaskGroup() as group:
        listeners = Listeners(group, recogniser, receive)
        for n, clip in enumerate(clips):
            request = Listen(
                id=str(n),
                clip=str(clip.path),
                texts=(clip.spoken, clip.text),
                language=clip.language,
                voice=_NO_VOICE,
                max_wer=max_wer,
            )
            listeners.ask(request, clip.speaker, duration_s=300.0)
        if clips:
            await all_answered.wait()
        listeners.stop()
    return answers
