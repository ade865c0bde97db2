"""The voice library: a folder with one sub-folder for each voice that scripts and manifests may name.

A voice's folder holds reference.(wav|flac|ogg|mp3) and reference.txt, and perhaps voice.toml with its
language and its aliases. Only names are read here; a voice that is used is read like a bundle's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.bundle.convention import find_references, folders_in, names_in
from fishd.spool.bundle.manifest import LANGUAGE
from fishd.spool.bundle.model import FileRef
from fishd.spool.bundle.scripts.speakers import fold
from fishd.spool.bundle.text import decode
from fishd.spool.durable.confined_fs import ConfinedFolder, Missing, Refused
from fishd.toml import rules
from fishd.toml.display import dotted
from fishd.toml.parse import BadToml, parse
from fishd.toml.table import Faults, Table

VOICE = "voice.toml"
_VOICE_BYTES = 64 * 1024
_ALIAS = rules.text("a name")


@dataclass(frozen=True, slots=True)
class LibraryVoice:
    """A voice of the library, its files below the library's folder; `faults` are what is wrong with it."""

    name: str
    language: str
    aliases: tuple[str, ...]
    references: tuple[FileRef, ...]
    transcript: FileRef
    faults: tuple[Fault, ...] = ()


class VoiceLibrary:
    """The library in `root`; without one, or if the folder cannot be read, an empty one."""

    def __init__(self, root: Path | None, limits: Limits) -> None:
        self.root = root
        self._limits = limits

    @cached_property
    def voices(self) -> Sequence[LibraryVoice]:
        """Every voice, by name."""
        if self.root is None:
            return ()
        try:
            with ConfinedFolder(self.root) as folder:
                return [self._voice(folder, name) for name in sorted(folders_in(folder.fd, self._limits))]
        except Refused:
            return ()

    def find(self, name: str) -> LibraryVoice | None:
        """The voice of this name or alias, in any case."""
        wanted = fold(name)
        by_name = (voice for voice in self.voices if fold(voice.name) == wanted)
        by_alias = (voice for voice in self.voices if wanted in map(fold, voice.aliases))
        return next(by_name, None) or next(by_alias, None)

    def describe(self) -> str:
        """The voices that are there, as the end of a message."""
        if self.root is None:
            return "there is no voice library"
        names = ", ".join(voice.name for voice in self.voices[:20])
        more = f" and {len(self.voices) - 20} more" if len(self.voices) > 20 else ""
        return f"the voice library ({self.root}) has {names}{more}" if names else f"{self.root} has no voices"

    def _voice(self, folder: ConfinedFolder, name: str) -> LibraryVoice:
        present = names_in(folder.fd, name, self._limits.max_files)
        references, faults = find_references(name, present)
        transcript = f"{name}/reference.txt"
        if "reference.txt" not in present:
            faults.append(Fault(transcript, "is missing"))
        language, aliases = self._settings(folder, name, faults)
        return LibraryVoice(
            name, language, aliases, references, FileRef(transcript, transcript), tuple(faults)
        )

    def _settings(
        self, folder: ConfinedFolder, name: str, faults: list[Fault]
    ) -> tuple[str, tuple[str, ...]]:
        path = f"{name}/{VOICE}"
        try:
            text = decode(folder.read(path, _VOICE_BYTES), path, faults)
            table = Table(parse(text or ""), found := Faults())
        except Missing:
            return "", ()
        except (Refused, BadToml) as error:
            faults.append(Fault(path + getattr(error, "at", ""), str(error)))
            return "", ()
        language = table.get("language", LANGUAGE) or ""
        aliases = tuple(alias for _, alias in table.each("aliases", _ALIAS))
        table.close()
        faults += [Fault(f"{path}: {dotted(place)}", what) for place, what in found]
        return language, aliases
