"""`fishd voices add`: check a name, a clip and its transcript, then put them into the voice library."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, print_message
from fishd.cli.single_worker import WorkerLost, ask_each
from fishd.cli.voices.library_check import open_library
from fishd.cli.voices.write import NewVoice, write_voice
from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.core.text.humanize import duration, human_size
from fishd.spool.bundle.convention import is_ignored
from fishd.spool.bundle.manifest import LANGUAGE
from fishd.spool.bundle.scripts.speakers import fold
from fishd.spool.bundle.text import decode, speakable
from fishd.spool.bundle.voice_library import LibraryVoice, VoiceLibrary
from fishd.spool.names import file_name, one_line
from fishd.wire.messages import Inspect, Inspected

_ENDINGS = {  # of a clip, and what the library calls it
    ".wav": ".wav",
    ".wave": ".wav",
    ".flac": ".flac",
    ".mp3": ".mp3",
    ".ogg": ".ogg",
    ".oga": ".ogg",
    ".opus": ".ogg",
}


@dataclass(frozen=True, slots=True)
class VoiceOptions:
    """Without a transcript, CLIP's name with .txt is its file."""

    transcript: str | None = None
    transcript_file: Path | None = None
    language: str = ""
    aliases: tuple[str, ...] = ()
    replace: bool = False


def add_voice(name: str, clip: Path, options: VoiceOptions, path: Path | None) -> int:
    """Nothing is written before everything is checked. The exit code."""
    config = read_config(path)
    library = open_library(config)
    assert library.root is not None
    name = unicodedata.normalize("NFC", one_line(name))
    old = library.find(name)
    _check_names(name, old, options, library)
    faults: list[Fault] = []
    transcript = _transcript(clip, options, config.limits, faults)
    seconds = _inspect(clip, config.limits, faults)
    if faults:
        raise CommandError("\n".join(map(str, faults)), EXIT_FAILED)
    voice = NewVoice(
        folder=old.name if old else name,
        clip=clip.resolve(),
        ending=_ENDINGS[clip.suffix.lower()],
        transcript=transcript,
        language=options.language or (old.language if old else ""),
        aliases=options.aliases or (old.aliases if old else ()),
    )
    write_voice(voice, library.root, replace=old is not None)
    change = "is replaced in" if old else "is in"
    print_message(f"{voice.folder} {change} the voice library, {library.root} ({duration(seconds)})")
    print(voice.folder)
    return EXIT_OK


def _check_names(name: str, old: LibraryVoice | None, options: VoiceOptions, library: VoiceLibrary) -> None:
    """Raises CommandError for a name, alias or language that cannot be used, or a name that is taken."""
    if not name:
        raise CommandError("the voice's name is empty")
    if old and not options.replace:
        also = "" if fold(old.name) == fold(name) else f", as {old.name}"
        raise CommandError(f"{name}: is in the voice library already{also}; --replace replaces it")
    if not old and (file_name(name) != name or is_ignored(name)):
        fix = f'choose another, and scripts find the voice by this one too with --alias "{name}"'
        raise CommandError(f"{name}: cannot be the name of a folder; {fix}")
    for alias in options.aliases:
        if not alias:
            raise CommandError("--alias: is empty")
        owner = library.find(alias)
        if owner and owner != old:
            raise CommandError(f"--alias {alias}: is a name of the voice {owner.name} already")
    if options.language:
        try:
            LANGUAGE.keep(options.language)
        except ValueError as error:
            raise CommandError(f"--language {error}") from error


def _transcript(clip: Path, options: VoiceOptions, limits: Limits, faults: list[Fault]) -> str:
    """The transcript on one line. Raises CommandError if none is given."""
    if options.transcript is not None and options.transcript_file is not None:
        raise CommandError("--transcript-file: cannot be used together with --transcript")
    where, text = "--transcript", options.transcript
    if text is None:
        file = options.transcript_file or clip.with_suffix(".txt")
        if options.transcript_file is None and not file.is_file():
            fix = f'--transcript "…", --transcript-file FILE, or a file {file.name} beside it'
            raise CommandError(f"{clip}: has no transcript; give what is said in it by {fix}")
        where, text = str(file), _text(file, limits, faults)
    if text is None:
        return ""
    return speakable(text, where, limits.transcript_chars, faults, "use a shorter clip")


def _text(file: Path, limits: Limits, faults: list[Fault]) -> str | None:
    """The text of a file; None after a fault."""
    try:
        if file.stat().st_size > limits.text_bytes:
            faults.append(Fault(str(file), f"is longer than {human_size(limits.text_bytes)}"))
            return None
        return decode(file.read_bytes(), str(file), faults)
    except OSError as error:
        faults.append(Fault(str(file), f"cannot be read: {error.strerror}"))
        return None


def _inspect(clip: Path, limits: Limits, faults: list[Fault]) -> float:
    """Have a worker decode the clip; its seconds. Prints its warnings. Raises CommandError."""
    if not clip.is_file():
        raise CommandError(f"{clip}: {'is not a file' if clip.exists() else 'does not exist'}")
    if clip.suffix.lower() not in _ENDINGS:
        raise CommandError(f"{clip}: is not named as WAV, FLAC, OGG or MP3; give the clip as one of these")
    if (size_bytes := clip.stat().st_size) > limits.reference_bytes:
        most = human_size(limits.reference_bytes)
        faults.append(Fault(str(clip), f"is {human_size(size_bytes)} long; at most {most} are read"))
        return 0.0
    (answer,) = asyncio.run(ask_each([Inspect.within(limits, str(clip), str(clip.resolve()))]))
    if isinstance(answer, WorkerLost):
        faults.append(Fault(str(clip), f"cannot be decoded: the decoder crashed or hung ({answer})"))
        return 0.0
    assert isinstance(answer, Inspected)
    if answer.fault:
        faults.append(Fault(str(clip), answer.fault))
    for warning in answer.warnings:
        print_message(f"{clip}: {warning}")
    return answer.duration_s
