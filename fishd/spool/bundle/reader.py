"""Build a Job from a manifest: read the texts, hash the clips, check the names, collect every fault."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fishd.core.model.job import Fault, Job, Segment, Speaker
from fishd.core.model.limits import Limits
from fishd.spool.bundle.model import FileRef, Manifest, SegmentEntry, SpeakerEntry, TextValue
from fishd.spool.bundle.reference_store import ReferenceCopies, StoredReference
from fishd.spool.bundle.text import control_character_warnings, decode, speakable, text_warnings
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused
from fishd.spool.names import clip_paths, one_line, printable


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference clip that could be opened; a worker decodes it and reports its faults at `where`."""

    where: str
    path: Path


class JobBuilder:
    """Builds one job from one bundle. `references` are by path, so that each file is inspected once."""

    def __init__(self, bundle: ConfinedFolder, limits: Limits, copies: ReferenceCopies) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.references: dict[str, Reference] = {}
        self._stored: dict[str, StoredReference] = {}  # by path
        self._bundle = bundle
        self._limits = limits
        self._copies = copies

    def build(self, manifest: Manifest, name: str) -> Job | None:
        """The job of a manifest; to be used only if there are no faults."""
        if len(manifest.speakers) > self._limits.speakers:
            what = f"there are {len(manifest.speakers):,}; at most {self._limits.speakers:,} are allowed"
            self.faults.append(Fault("speakers", what))
            return None
        self._check_unique(
            "speakers", [(s.name.where, one_line(s.name.text)) for s in manifest.speakers if s.name]
        )
        speakers = [self._speaker(speaker) for speaker in manifest.speakers]
        if sum(len(speaker.segments) for speaker in speakers) > self._limits.segments:
            self.faults.append(Fault("bundle", f"has more than {self._limits.segments:,} segments; split it"))
            return None
        return Job(
            name=name,
            title=one_line(manifest.title)[: self._limits.name_chars] or name,
            priority=manifest.priority,
            format=manifest.format,
            speakers=_with_clip_paths(speakers, manifest.format),
            engine_options=manifest.engine_options,
            reuse=manifest.reuse,
        )

    def _speaker(self, entry: SpeakerEntry) -> Speaker:
        name = self._name(entry.name)
        transcript = self._transcript(entry.transcript)
        references = self._references(entry)
        stored = [self._stored[path] for path in references if path in self._stored]
        return Speaker(
            name=name,
            references=references,
            transcript=transcript,
            language=entry.language,
            voice_key=_voice_key([reference.digest for reference in stored], transcript, entry.language),
            segments=self._segments(entry),
            files=tuple(str(reference.file) for reference in stored),
        )

    def _name(self, value: TextValue | None) -> str:
        if value is None:
            return ""
        name = one_line(value.text)
        if not name:
            self.faults.append(Fault(value.where, "is empty"))
        self._check_length(name, value.where)
        return name

    def _check_length(self, name: str, where: str) -> None:
        if len(name) > self._limits.name_chars:
            what = f"is {len(name):,} characters long; at most {self._limits.name_chars}"
            self.faults.append(Fault(where, what))

    def _transcript(self, source: FileRef | TextValue | None) -> str:
        if isinstance(source, FileRef):
            text = self._text_file(source)
            source = None if text is None else TextValue(source.path, text)
        if source is None:
            return ""
        self.warnings += control_character_warnings(source.text, source.where, "read")
        return speakable(
            source.text, source.where, self._limits.transcript_chars, self.faults, "use a shorter clip"
        )

    def _references(self, entry: SpeakerEntry) -> tuple[str, ...]:
        if len(entry.references) > self._limits.references:
            what = f"names {len(entry.references)} references; at most {self._limits.references} are allowed"
            self.faults.append(Fault(entry.where, what))
            return ()
        paths: list[str] = []
        for named in entry.references:
            try:
                with self._bundle.file(named.path) as (fd, path):
                    paths.append(path)
                    self._store(path, fd)
            except Refused as refused:
                self._file_fault(named, str(refused))
        return tuple(paths)

    def _store(self, path: str, fd: int) -> None:
        if path in self._stored:
            return
        self._stored[path] = stored = self._copies.store(path, fd, self._limits.reference_bytes)
        if stored.size_bytes:
            self.references[path] = Reference(printable(path), stored.file)
        else:
            self.faults.append(Fault(path, "is empty (0 bytes)"))

    def _segments(self, speaker: SpeakerEntry) -> tuple[Segment, ...]:
        source = speaker.segments
        entries = self._lines(speaker, source) if isinstance(source, FileRef) else source
        width = max(3, len(str(len(entries))))
        ids = [one_line(entry.id) or f"{n:0{width}}" for n, entry in enumerate(entries, 1)]
        self._check_unique(
            f"{speaker.where}.segments",
            [(f"{entry.where}.id", id_) for entry, id_ in zip(entries, ids, strict=True)],
        )
        return tuple(self._segment(entry, id_) for entry, id_ in zip(entries, ids, strict=True))

    def _segment(self, entry: SegmentEntry, id_: str) -> Segment:
        text = ""
        if entry.text.where:  # else it has its fault already
            limit, fix = self._limits.text_chars, "split it into several segments"
            text = speakable(entry.text.text, entry.text.where, limit, self.faults, fix)
            self.warnings += text_warnings(entry.text.text, text, entry.text.where) if text else ()
        self._check_length(id_, f"{entry.where}.id")
        return Segment(id_, text, entry.language, "", entry.start, entry.end)

    def _lines(self, speaker: SpeakerEntry, file: FileRef) -> tuple[SegmentEntry, ...]:
        """One segment for each line that is not blank."""
        text = self._text_file(file)
        if text is None:
            return ()
        lines = [(f"{file.path}:{n}", line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            self.faults.append(Fault(file.path, "is empty: there is nothing to speak"))
        return tuple(
            SegmentEntry(where, TextValue(where, line), "", speaker.language) for where, line in lines
        )

    def _text_file(self, named: FileRef) -> str | None:
        try:
            content = self._bundle.read(named.path, self._limits.text_bytes)
        except Refused as refused:
            self._file_fault(named, str(refused))
            return None
        return decode(content, named.path, self.faults)

    def _file_fault(self, named: FileRef, what: str) -> None:
        """At the key that names the file; without a manifest, at the file itself."""
        is_own_place = named.where == named.path
        self.faults.append(Fault(named.where, what if is_own_place else f"{named.path} {what}"))

    def _check_unique(self, place: str, names: Sequence[tuple[str, str]]) -> None:
        first: dict[str, str] = {}
        for where, name in names:
            if name in first:
                what = f'"{name[:60]}" occurs twice in {place}; the other is {first[name]}'
                self.faults.append(Fault(where, what))
            elif name:
                first[name] = where


def _with_clip_paths(speakers: Sequence[Speaker], audio_format: str) -> tuple[Speaker, ...]:
    paths = clip_paths([(s.name, [segment.id for segment in s.segments]) for s in speakers], audio_format)
    return tuple(
        replace(
            speaker,
            segments=tuple(
                replace(segment, clip=path) for segment, path in zip(speaker.segments, files, strict=True)
            ),
        )
        for speaker, files in zip(speakers, paths, strict=True)
    )


def _voice_key(digests: Sequence[bytes], transcript: str, language: str) -> str:
    digest = hashlib.blake2b(digest_size=20)
    for part in (*digests, transcript.encode(), language.encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
