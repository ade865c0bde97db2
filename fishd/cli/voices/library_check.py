"""Checks the voice library: every voice is read as for a job, and a worker decodes its clips."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.cli.output import EXIT_FAILED, CommandError
from fishd.cli.single_worker import Answer, WorkerLost, ask_each
from fishd.core.config.config import Config
from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.bundle.reference_store import InPlace
from fishd.spool.bundle.scripts.speakers import fold
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.bundle.voice_library import LibraryVoice, VoiceLibrary
from fishd.spool.bundle.voice_reader import Notes, Reference, VoiceReader
from fishd.spool.durable.confined_fs import ConfinedFolder, Missing, Refused
from fishd.view.voices import LibraryRow
from fishd.wire.messages import Inspect, Inspected


@dataclass(frozen=True, slots=True)
class _ReadVoice:
    """A voice and what was read of it, before its clips are decoded."""

    voice: LibraryVoice
    transcript: str
    references: tuple[Reference, ...]
    notes: Notes


def open_library(config: Config) -> VoiceLibrary:
    """The library, its root with its full path. Raises CommandError if that is a file."""
    root = BundleSettings.of(config).voices
    if root and root.exists() and not root.is_dir():
        raise CommandError(f"{root}: is not a folder; set [voices] root in {config.source} to one")
    return VoiceLibrary(root, config.limits)


def check_library(config: Config) -> list[LibraryRow]:
    """Every voice with what is wrong with it; none where there is no library. Raises CommandError."""
    library = open_library(config)
    assert library.root is not None
    try:
        with ConfinedFolder(library.root) as folder:
            read = [_read(voice, folder, library.root, config.limits) for voice in library.voices]
    except Missing:
        return []
    except Refused as refused:
        raise CommandError(f"{library.root}: {refused}", EXIT_FAILED) from refused
    default = library.find(config.voices.default) if config.voices.default else None
    return list(_rows(read, config.limits, default, _owners(library.voices)))


def _read(voice: LibraryVoice, folder: ConfinedFolder, root: Path, limits: Limits) -> _ReadVoice:
    notes = Notes(faults=[*voice.faults])
    reader = VoiceReader(folder, limits, InPlace(root), notes)
    has_transcript = all(fault.where != voice.transcript.path for fault in voice.faults)
    read = reader.read(voice.name, voice.references, voice.transcript if has_transcript else None)
    return _ReadVoice(voice, read.transcript, tuple(reader.references.values()), notes)


def _rows(
    read: Sequence[_ReadVoice], limits: Limits, default: LibraryVoice | None, owners: dict[str, str]
) -> Iterator[LibraryRow]:
    references = [reference for each in read for reference in each.references]
    questions = [Inspect.within(limits, one.where, str(one.path)) for one in references]
    answers = dict(zip(references, asyncio.run(ask_each(questions)), strict=True))
    for each in read:
        found = [answers[reference] for reference in each.references]
        good = [answer for answer in found if isinstance(answer, Inspected) and not answer.fault]
        yield LibraryRow(
            name=each.voice.name,
            language=each.voice.language,
            aliases=each.voice.aliases,
            reference_s=sum(clip.duration_s for clip in good) if good else None,
            transcript=each.transcript,
            faults=(*each.notes.faults, *_faults(each.references, found)),
            warnings=(*each.notes.warnings, *_warnings(good), *_clashes(each.voice, owners)),
            is_default=each.voice == default,
        )


def _faults(references: Sequence[Reference], answers: Sequence[Answer | WorkerLost]) -> Iterator[Fault]:
    for reference, answer in zip(references, answers, strict=True):
        if isinstance(answer, WorkerLost):
            yield Fault(reference.where, f"cannot be decoded: the decoder crashed or hung ({answer})")
        elif isinstance(answer, Inspected) and answer.fault:
            yield Fault(reference.where, answer.fault)


def _warnings(clips: Sequence[Inspected]) -> Iterator[Fault]:
    return (Fault(clip.id, warning) for clip in clips for warning in clip.warnings)


def _owners(voices: Sequence[LibraryVoice]) -> dict[str, str]:
    """Which voice each name and alias finds: names come before aliases, the first voice before the others."""
    owners: dict[str, str] = {}
    for called in ([(v.name, v.name) for v in voices], [(a, v.name) for v in voices for a in v.aliases]):
        for name, voice in called:
            owners.setdefault(fold(name), voice)
    return owners


def _clashes(voice: LibraryVoice, owners: dict[str, str]) -> Iterator[Fault]:
    for name in (voice.name, *voice.aliases):
        if (owner := owners[fold(name)]) != voice.name:
            yield Fault(voice.name, f'"{name}" is a name of the voice {owner} too, which is used for it')
