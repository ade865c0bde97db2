"""Reads the reference clips and the transcript of a speaker, of the bundle or of the voice library."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.bundle.model import FileRef, TextValue
from fishd.spool.bundle.reference_store import ReferenceCopies, StoredReference
from fishd.spool.bundle.text import control_character_warnings, decode, speakable
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused
from fishd.spool.names import printable


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference clip that could be opened; a worker decodes it and reports its faults at `where`."""

    where: str
    path: Path


@dataclass(frozen=True, slots=True)
class SpeakerVoice:
    """`references` are paths below the folder; `files` hold the same bytes, for workers."""

    references: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    transcript: str = ""
    digests: tuple[bytes, ...] = ()

    def key(self, language: str) -> str:
        """Equal for equal clips, transcript and language."""
        digest = hashlib.blake2b(digest_size=20)
        for part in (*self.digests, self.transcript.encode(), language.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


@dataclass(slots=True)
class Notes:
    """What was found while a bundle is read, in its order."""

    faults: list[Fault] = field(default_factory=list[Fault])
    warnings: list[Fault] = field(default_factory=list[Fault])


class VoiceReader:
    """Reads voices below one folder; `references` are by path, so that each file is inspected once.

    `outside` is the folder's path where it is not the bundle, for the paths under which copies are stored.
    """

    def __init__(
        self,
        folder: ConfinedFolder,
        limits: Limits,
        copies: ReferenceCopies,
        notes: Notes,
        *,
        outside: Path | None = None,
    ) -> None:
        self.references: dict[str, Reference] = {}
        self._stored: dict[str, StoredReference] = {}  # by path
        self._folder = folder
        self._limits = limits
        self._copies = copies
        self._notes = notes
        self._outside = outside

    def read(
        self, where: str, references: Sequence[FileRef], transcript: FileRef | TextValue | None
    ) -> SpeakerVoice:
        """`where` is the speaker's place."""
        text = self._transcript(transcript)
        paths = self._references(where, references)
        stored = [self._stored[path] for path in paths if path in self._stored]
        files = tuple(str(reference.file) for reference in stored)
        return SpeakerVoice(paths, files, text, tuple(reference.digest for reference in stored))

    def text_file(self, named: FileRef, limit_bytes: int) -> str | None:
        """A text of the bundle; None after a fault."""
        content = self.file(named, limit_bytes)
        return None if content is None else decode(content, named.path, self._notes.faults)

    def file(self, named: FileRef, limit_bytes: int) -> bytes | None:
        """A file of the bundle; None after a fault."""
        try:
            return self._folder.read(named.path, limit_bytes)
        except Refused as refused:
            self._file_fault(named, str(refused))
            return None

    def _transcript(self, source: FileRef | TextValue | None) -> str:
        if isinstance(source, FileRef):
            text = self.text_file(source, self._limits.text_bytes)
            source = None if text is None else TextValue(source.path, text)
        if source is None:
            return ""
        self._notes.warnings += control_character_warnings(source.text, source.where, "read")
        return speakable(
            source.text, source.where, self._limits.transcript_chars, self._notes.faults, "use a shorter clip"
        )

    def _references(self, where: str, references: Sequence[FileRef]) -> tuple[str, ...]:
        if len(references) > self._limits.references:
            what = f"names {len(references)} references; at most {self._limits.references} are allowed"
            self._notes.faults.append(Fault(where, what))
            return ()
        paths: list[str] = []
        for named in references:
            try:
                with self._folder.file(named.path) as (fd, path):
                    paths.append(path)
                    self._store(path, fd)
            except Refused as refused:
                self._file_fault(named, str(refused))
        return tuple(paths)

    def _store(self, path: str, fd: int) -> None:
        if path in self._stored:
            return
        full = str(self._outside / path) if self._outside else path
        self._stored[path] = stored = self._copies.store(full, fd, self._limits.reference_bytes)
        if stored.size_bytes:
            self.references[path] = Reference(printable(full), stored.file)
        else:
            self._notes.faults.append(Fault(full, "is empty (0 bytes)"))

    def _file_fault(self, named: FileRef, what: str) -> None:
        """At the key that names the file; without a manifest, at the file itself."""
        is_own_place = named.where == named.path
        self._notes.faults.append(Fault(named.where, what if is_own_place else f"{named.path} {what}"))
