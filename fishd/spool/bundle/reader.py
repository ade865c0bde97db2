"""A draft made into a Job: texts read, clips hashed, names checked, every fault collected on the way."""

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
    """A reference clip that could be opened: a worker decodes it and says its faults at `where`."""

    where: str
    path: Path


class JobBuilder:
    """Reads one bundle once; `references` are by path, so that each file is there once."""

    def __init__(self, bundle: ConfinedFolder, limits: Limits, copies: ReferenceCopies) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.references: dict[str, Reference] = {}
        self._kept: dict[str, StoredReference] = {}
        self._bundle = bundle
        self._limits = limits
        self._copies = copies

    def build(self, draft: Manifest, name: str) -> Job | None:
        """The job of a draft; only to be used if there are no faults."""
        if not self._within_limits(draft):
            return None
        self._unique("speakers", [(s.name.where, one_line(s.name.text)) for s in draft.speakers if s.name])
        speakers = [self._speaker(speaker) for speaker in draft.speakers]
        if sum(len(speaker.segments) for speaker in speakers) > self._limits.segments:
            self.faults.append(Fault("bundle", f"has more than {self._limits.segments:,} segments; split it"))
            return None
        title = one_line(draft.title)[: self._limits.name_chars] or name
        placed = _with_clips(speakers, draft.format)
        return Job(name, title, draft.priority, draft.format, placed, draft.engine_options, reuse=draft.reuse)

    def _within_limits(self, draft: Manifest) -> bool:
        if len(draft.speakers) <= self._limits.speakers:
            return True
        what = f"there are {len(draft.speakers):,}; at most {self._limits.speakers:,} are taken"
        self.faults.append(Fault("speakers", what))
        return False

    def _speaker(self, draft: SpeakerEntry) -> Speaker:
        name = self._name(draft.name)
        transcript = self._transcript(draft.transcript)
        references = self._clips(draft)
        kept = [self._kept[path] for path in references if path in self._kept]
        return Speaker(
            name=name,
            references=references,
            transcript=transcript,
            language=draft.language,
            voice_key=_voice_key([one.digest for one in kept], transcript, draft.language),
            segments=self._segments(draft),
            files=tuple(str(one.file) for one in kept),
        )

    def _name(self, written: TextValue | None) -> str:
        if written is None:
            return ""
        name = one_line(written.text)
        place = f"{written.where}"
        if not name:
            self.faults.append(Fault(place, "is empty"))
        if len(name) > self._limits.name_chars:
            self.faults.append(
                Fault(place, f"is {len(name):,} characters long; at most {self._limits.name_chars}")
            )
        return name

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

    def _clips(self, draft: SpeakerEntry) -> tuple[str, ...]:
        if len(draft.references) > self._limits.references:
            what = f"names {len(draft.references)} references; at most {self._limits.references} are taken"
            self.faults.append(Fault(draft.where, what))
            return ()
        found: list[str] = []
        for named in draft.references:
            try:
                with self._bundle.file(named.path) as (fd, path):
                    found.append(path)
                    self._keep(path, fd)
            except Refused as refused:
                self.faults.append(self._about(named, str(refused)))
        return tuple(found)

    def _keep(self, path: str, fd: int) -> None:
        if path in self._kept:
            return
        self._kept[path] = kept = self._copies.keep(path, fd, self._limits.reference_bytes)
        if kept.size_bytes:
            self.references[path] = Reference(printable(path), kept.file)
        else:
            self.faults.append(Fault(path, "is empty (0 bytes)"))

    def _segments(self, draft: SpeakerEntry) -> tuple[Segment, ...]:
        drafts = self._lines(draft, draft.segments) if isinstance(draft.segments, FileRef) else draft.segments
        width = max(3, len(str(len(drafts))))
        ids = [one_line(part.id) or f"{n:0{width}}" for n, part in enumerate(drafts, 1)]
        self._unique(
            f"{draft.where}.segments",
            [(f"{part.where}.id", id_) for part, id_ in zip(drafts, ids, strict=True)],
        )
        return tuple(self._segment(part, id_) for part, id_ in zip(drafts, ids, strict=True))

    def _segment(self, draft: SegmentEntry, identity: str) -> Segment:
        text = ""
        if draft.text.where:  # else it has its fault already
            limit, fix = self._limits.text_chars, "split it into several segments"
            text = speakable(draft.text.text, draft.text.where, limit, self.faults, fix)
            self.warnings += text_warnings(draft.text.text, text, draft.text.where) if text else ()
        if len(identity) > self._limits.name_chars:
            what = f"is {len(identity):,} characters long; at most {self._limits.name_chars}"
            self.faults.append(Fault(f"{draft.where}.id", what))
        return Segment(identity, text, draft.language, "", draft.start, draft.end)

    def _lines(self, speaker: SpeakerEntry, file: FileRef) -> tuple[SegmentEntry, ...]:
        """One segment a line; blank lines are for the eye."""
        text = self._text_file(file)
        if text is None:
            return ()
        lines = [(f"{file.path}:{n}", line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            self.faults.append(Fault(file.path, "is empty: there is nothing to say"))
        return tuple(
            SegmentEntry(where, TextValue(where, line), "", speaker.language) for where, line in lines
        )

    def _text_file(self, named: FileRef) -> str | None:
        try:
            content = self._bundle.read(named.path, self._limits.text_bytes)
        except Refused as refused:
            self.faults.append(self._about(named, str(refused)))
            return None
        return decode(content, named.path, self.faults)

    def _about(self, named: FileRef, what: str) -> Fault:
        """At the key that names the file; by convention the file is its own place."""
        return Fault(named.where, what if named.where == named.path else f"{named.path} {what}")

    def _unique(self, place: str, names: Sequence[tuple[str, str | None]]) -> None:
        first: dict[str, str] = {}
        for where, name in names:
            if not name:
                continue
            if name in first:
                self.faults.append(
                    Fault(where, f'"{name[:60]}" stands twice in {place}; the other is {first[name]}')
                )
            first.setdefault(name, where)


def _with_clips(speakers: Sequence[Speaker], audio_format: str) -> tuple[Speaker, ...]:
    paths = clip_paths([(s.name, [segment.id for segment in s.segments]) for s in speakers], audio_format)
    return tuple(
        replace(
            speaker,
            segments=tuple(
                replace(part, clip=path) for part, path in zip(speaker.segments, files, strict=True)
            ),
        )
        for speaker, files in zip(speakers, paths, strict=True)
    )


def _voice_key(digests: Sequence[bytes], transcript: str, language: str) -> str:
    digest = hashlib.blake2b(digest_size=20)
    for part in (*digests, transcript.encode(), language.encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
