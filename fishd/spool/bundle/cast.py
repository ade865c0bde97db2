"""Gives every line of a script to a speaker: of the bundle, or of the voice library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fishd.core.model.job import Fault, SkippedLine
from fishd.core.text.humanize import count
from fishd.spool.bundle.model import SegmentEntry, SpeakerEntry, TextValue
from fishd.spool.bundle.scripts.model import Script, ScriptLine
from fishd.spool.bundle.scripts.speakers import fold
from fishd.spool.bundle.voice_library import VoiceLibrary

_QUOTED_CHARS = 60


@dataclass(frozen=True, slots=True)
class Cast:
    """The speakers with their lines, those who have none left out; and the lines that nobody speaks."""

    speakers: tuple[SpeakerEntry, ...]
    skipped: tuple[SkippedLine, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def known_names(speakers: Sequence[SpeakerEntry], library: VoiceLibrary) -> tuple[str, ...]:
    """The names that a script may use, for its reader."""
    own = [name for speaker in speakers for name in (*_names(speaker), *speaker.aliases)]
    return (*own, *(name for voice in library.voices for name in (voice.name, *voice.aliases)))


def cast_script(
    script: Script, speakers: Sequence[SpeakerEntry], library: VoiceLibrary, default: TextValue
) -> Cast:
    """`default` speaks the lines that name nobody; an empty one stands for the only speaker there is."""
    casting = _Casting(speakers, library, default)
    width = max(3, len(str(len(script.lines))))
    skipped: list[SkippedLine] = []
    for position, line in enumerate(script.lines):
        id_ = line.id or f"{position + 1:0{width}}"
        if line.is_skipped:
            skipped.append(SkippedLine(id_, line.text, line.speaker, position, line.start, line.end))
        else:
            casting.add(line, id_, position)
    return Cast(casting.speakers(), tuple(skipped), tuple(casting.faults()), tuple(casting.warnings()))


def _names(speaker: SpeakerEntry) -> list[str]:
    return [speaker.name.text] if speaker.name else []


class _Casting:
    """Collects each speaker's lines, and the lines that have no speaker."""

    def __init__(self, speakers: Sequence[SpeakerEntry], library: VoiceLibrary, default: TextValue) -> None:
        self._library = library
        self._entries = list(speakers)
        self._default = default.text or (self._only_name() if len(speakers) == 1 else "")
        self._default_where = default.where
        # The mutable state: by folded name the entry, or None for nobody; and each entry's lines.
        self._by_name: dict[str, int | None] = {}
        self._lines: list[list[SegmentEntry]] = [[] for _ in speakers]
        self._unknown: dict[str, list[str]] = {}  # the places of their lines, by name
        for n, speaker in reversed(list(enumerate(speakers))):
            self._by_name |= {fold(name): n for name in (*speaker.aliases, *_names(speaker))}

    def add(self, line: ScriptLine, id_: str, position: int) -> None:
        n = self._find(line.speaker or self._default, line.place)
        if n is None:
            self._unknown.setdefault(line.speaker, []).append(line.place)
            return
        text = TextValue(line.place, line.text)
        entry = SegmentEntry(line.place, text, id_, line.language, line.start, line.end, position)
        extra = {"break_before": line.break_before, "same_cue": line.same_cue, "id_where": line.place}
        self._lines[n].append(replace(entry, **extra))

    def speakers(self) -> tuple[SpeakerEntry, ...]:
        return tuple(
            replace(entry, segments=tuple(lines))
            for entry, lines in zip(self._entries, self._lines, strict=True)
            if lines
        )

    def faults(self) -> list[Fault]:
        return [self._fault(name, places) for name, places in self._unknown.items()]

    def warnings(self) -> list[Fault]:
        unused = [entry for entry, lines in zip(self._entries, self._lines, strict=True) if not lines]
        return [Fault(entry.where, "has no line in the script") for entry in unused]

    def _find(self, name: str, place: str) -> int | None:
        """The entry for a name; a voice of the library becomes one when it is first used."""
        key = fold(name)
        if key not in self._by_name:
            voice = self._library.find(name) if key else None
            self._by_name[key] = None if voice is None else self._add_voice(voice.name, place)
        return self._by_name[key]

    def _add_voice(self, voice: str, place: str) -> int:
        known = self._by_name.get(fold(voice))
        if known is not None:
            return known
        name = TextValue(place, voice)
        self._entries.append(SpeakerEntry(place, name, "", voice=name))
        self._lines.append([])
        self._by_name[fold(voice)] = len(self._entries) - 1
        return len(self._entries) - 1

    def _only_name(self) -> str:
        return next(iter(_names(self._entries[0])), "")

    def _fault(self, name: str, places: Sequence[str]) -> Fault:
        lines = "" if len(places) == 1 else f" (and {count(len(places) - 1, 'more line')})"
        voices = self._library.describe()
        if name:
            what = (
                f'"{name[:_QUOTED_CHARS]}"{lines} is neither a speaker of this bundle nor a voice; {voices}'
            )
            return Fault(places[0], f"{what}. Add a speaker of that name, or the name to someone's aliases")
        if self._default:
            what = f'"{self._default[:_QUOTED_CHARS]}", who speaks what names nobody, is no speaker; {voices}'
            return Fault(self._default_where, what)
        what = (
            f"names no speaker{lines}; set [script] speaker in job.toml, or [voices] default in config.toml"
        )
        return Fault(places[0], f"{what}; {voices}")
