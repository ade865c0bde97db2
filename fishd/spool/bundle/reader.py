"""Build a Job from a manifest: read script, texts and voices, check the names, collect every fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from fishd.core.model.job import Fault, Job, Segment, SkippedLine, Speaker
from fishd.core.text.pronounce import Pronunciations
from fishd.spool.bundle.cast import cast_script, known_names
from fishd.spool.bundle.layout import in_order, missing_packages, tracks_of, with_clips
from fishd.spool.bundle.model import (
    DEFAULT_LANGUAGE,
    FileRef,
    Manifest,
    ScriptEntry,
    SegmentEntry,
    SpeakerEntry,
    TextValue,
)
from fishd.spool.bundle.reference_store import ReferenceCopies
from fishd.spool.bundle.scripts.model import Script, ScriptSettings
from fishd.spool.bundle.scripts.read import read_script
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.bundle.text import speakable, text_warnings
from fishd.spool.bundle.voice_library import VoiceLibrary
from fishd.spool.bundle.voice_reader import Notes, Reference, SpeakerVoice, VoiceReader
from fishd.spool.durable.confined_fs import ConfinedFolder
from fishd.spool.names import one_line, retry_number


@dataclass(frozen=True, slots=True)
class DroppedScript:
    """A script that was dropped alone: its name, for places, and its content."""

    name: str
    content: bytes


class JobBuilder:
    """Builds one job from one bundle: a folder, or a script that was dropped alone. A context."""

    def __init__(
        self,
        bundle: ConfinedFolder | DroppedScript,
        settings: BundleSettings,
        copies: ReferenceCopies,
    ) -> None:
        self.notes = Notes()
        self.cover: bytes | None = None  # a picture, as it is in the book
        self._bundle = bundle
        self._settings = settings
        self.limits = settings.limits
        self._copies = copies
        self._library = VoiceLibrary(settings.voices, settings.limits)
        self._readers: list[VoiceReader] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def references(self) -> tuple[Reference, ...]:
        """Each reference clip once."""
        return tuple(reference for reader in self._readers for reference in reader.references.values())

    def build(self, manifest: Manifest, name: str) -> Job | None:
        """The job of a manifest; to be used only if there are no faults."""
        script = self._script(manifest)
        entries, skipped = self._cast(manifest, script)
        if len(entries) > self.limits.speakers:
            what = f"there are {len(entries):,}; at most {self.limits.speakers:,} are allowed"
            self._fault("speakers", what)
            return None
        self._check_unique([(s.name.where, one_line(s.name.text)) for s in entries if s.name])
        language = manifest.language or script.language
        terms = {**self._settings.pronounce, **manifest.pronounce}
        pronounce = Pronunciations(terms)
        speakers = [self._speaker(entry, language or DEFAULT_LANGUAGE, pronounce) for entry in entries]
        if sum(len(speaker.segments) for speaker in speakers) > self.limits.segments:
            self._fault("bundle", f"has more than {self.limits.segments:,} segments; split it")
            return None
        delivery = self._settings.delivery.with_values(manifest.output)
        tracks = tracks_of(delivery, speakers, script)
        self.notes.faults += missing_packages(delivery, tracks)
        quality = self._settings.quality.with_values(manifest.quality)
        if quality.listens and quality.recogniser is None:
            self._fault(
                "quality.check", 'is "listen", but no quality.recogniser is configured on this machine'
            )
        title = one_line(manifest.title or script.title)[: self.limits.name_chars]
        author = manifest.script.author if manifest.script else ""
        return Job(
            name=name,
            title=title or name,
            priority=manifest.priority,
            speakers=with_clips(in_order(speakers), delivery, tracks),
            delivery=delivery,
            quality=quality,
            tracks=tracks,
            chapters=script.chapters,
            skipped=skipped,
            author=one_line(author or script.author)[: self.limits.name_chars],
            language=language,
            has_cover=self.cover is not None,
            engine_options=manifest.engine_options,
            pronounce=terms,
            retry=retry_number(name),
            reuse=manifest.output.get("reuse"),
        )

    # ---- the script --------------------------------------------------------------------------------

    def _script(self, manifest: Manifest) -> Script:
        """The script, without lines if the bundle has none or it cannot be read."""
        entry = manifest.script
        if entry is None:
            return Script()
        content = self._script_content(entry)
        if entry.cover:
            self.cover = self._own.file(entry.cover, self.limits.text_bytes)
        if content is None:
            return Script()
        names = known_names(manifest.speakers, self._library)
        settings = ScriptSettings(entry.columns, entry.skip, entry.encoding, names)
        script = read_script(entry.file.path, content, settings, self.limits)
        self.notes.faults += script.faults
        self.notes.warnings += script.warnings
        self.cover = self.cover or script.cover
        return script

    def _script_content(self, entry: ScriptEntry) -> bytes | None:
        if isinstance(self._bundle, DroppedScript):
            return self._bundle.content
        return self._own.file(entry.file, self.limits.script_bytes)

    def _cast(
        self, manifest: Manifest, script: Script
    ) -> tuple[Sequence[SpeakerEntry], tuple[SkippedLine, ...]]:
        """The speakers with their segments, and the lines that nobody speaks."""
        entry = manifest.script
        if entry is None or not script.lines:
            return manifest.speakers, ()
        default = TextValue("script.speaker", entry.speaker)
        if not entry.speaker and not manifest.speakers:
            default = TextValue("config.toml: voices.default", self._settings.default_voice)
        cast = cast_script(script, manifest.speakers, self._library, default)
        self.notes.faults += cast.faults
        self.notes.warnings += cast.warnings
        return cast.speakers, cast.skipped

    # ---- speakers ----------------------------------------------------------------------------------

    def _speaker(self, entry: SpeakerEntry, language: str, pronounce: Pronunciations) -> Speaker:
        name = self._name(entry.name)
        voice, voice_language = self._voice(entry)
        voice_language = entry.language or voice_language or language
        return Speaker(
            name=name,
            references=voice.references,
            transcript=voice.transcript,
            language=voice_language,
            voice_key=voice.key(voice_language),
            segments=self._segments(entry, entry.language or language, pronounce),
            files=voice.files,
        )

    def _voice(self, entry: SpeakerEntry) -> tuple[SpeakerVoice, str]:
        """The speaker's clips and transcript, and the language of a voice of the library."""
        if entry.voice is None:
            return self._own.read(entry.where, entry.references, entry.transcript), ""
        voice = self._library.find(entry.voice.text)
        if voice is None:
            what = f'"{one_line(entry.voice.text)[:60]}" is not a voice; {self._library.describe()}'
            self._fault(entry.voice.where, what)
            return SpeakerVoice(), ""
        if voice.faults:
            self.notes.faults += [Fault(f"{self._library.root}/{f.where}", f.what) for f in voice.faults]
            return SpeakerVoice(), ""
        return self._library_reader.read(entry.where, voice.references, voice.transcript), voice.language

    @cached_property
    def _own(self) -> VoiceReader:
        """For the files of the bundle."""
        assert isinstance(self._bundle, ConfinedFolder), "a script alone names no files"
        reader = VoiceReader(self._bundle, self.limits, self._copies, self.notes)
        self._readers.append(reader)
        return reader

    @cached_property
    def _library_reader(self) -> VoiceReader:
        root = self._library.root
        assert root is not None, "a voice was found in it"
        folder = self._open.enter_context(ConfinedFolder(root))
        reader = VoiceReader(folder, self.limits, self._copies, self.notes, outside=root.absolute())
        self._readers.append(reader)
        return reader

    def _name(self, value: TextValue | None) -> str:
        if value is None:
            return ""
        name = one_line(value.text)
        if not name:
            self._fault(value.where, "is empty")
        self._check_length(name, value.where)
        return name

    def _segments(
        self, speaker: SpeakerEntry, language: str, pronounce: Pronunciations
    ) -> tuple[Segment, ...]:
        source = speaker.segments
        entries = self._lines(source) if isinstance(source, FileRef) else source
        width = max(3, len(str(len(entries))))
        ids = [one_line(entry.id) or f"{n:0{width}}" for n, entry in enumerate(entries, 1)]
        places = [entry.id_where or f"{entry.where}.id" for entry in entries]
        self._check_unique(zip(places, ids, strict=True))
        for place, id_ in zip(places, ids, strict=True):
            self._check_length(id_, place)
        return tuple(
            self._segment(entry, id_, language, pronounce) for entry, id_ in zip(entries, ids, strict=True)
        )

    def _segment(self, entry: SegmentEntry, id_: str, language: str, pronounce: Pronunciations) -> Segment:
        text = spoken = ""
        if entry.text.where:  # else it has its fault already
            limit, fix = self.limits.text_chars, "split it into several segments"
            text = speakable(entry.text.text, entry.text.where, limit, self.notes.faults, fix)
            self.notes.warnings += text_warnings(entry.text.text, text, entry.text.where) if text else ()
            spoken = one_line(pronounce.apply(text))
        return Segment(
            id=id_,
            text=text,
            language=entry.language or language,
            clip="",
            start=entry.start,
            end=entry.end,
            spoken="" if spoken == text else spoken,
            position=-1 if entry.position is None else entry.position,
            break_before=entry.break_before,
            same_cue=entry.same_cue,
        )

    def _lines(self, file: FileRef) -> tuple[SegmentEntry, ...]:
        """One segment for each line that is not blank."""
        text = self._own.text_file(file, self.limits.text_bytes)
        if text is None:
            return ()
        lines = [(f"{file.path}:{n}", line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            self._fault(file.path, "is empty: there is nothing to speak")
        return tuple(SegmentEntry(where, TextValue(where, line), "", "") for where, line in lines)

    # ---- checks ------------------------------------------------------------------------------------

    def _check_length(self, name: str, where: str) -> None:
        if len(name) > self.limits.name_chars:
            what = f"is {len(name):,} characters long; at most {self.limits.name_chars}"
            self._fault(where, what)

    def _check_unique(self, names: Iterable[tuple[str, str]]) -> None:
        first: dict[str, str] = {}
        for where, name in names:
            if name in first:
                self._fault(where, f'"{name[:60]}" occurs twice; the other is {first[name]}')
            elif name:
                first[name] = where

    def _fault(self, where: str, what: str) -> None:
        self.notes.faults.append(Fault(where, what))
