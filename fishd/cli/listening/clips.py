"""Finds clips and their texts: in a result of the outbox, or in a folder of NAME.wav and NAME.txt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fishd.cli.output import CommandError
from fishd.core.model.result import Result

RESULT = "result.json"
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
_MOST_TEXT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """`text` is as it is written, `spoken` with its pronunciations; `name` is the path below the target."""

    path: Path
    name: str
    text: str
    spoken: str
    language: str
    speaker: str


def find_clips(target: Path, language: str) -> list[SpokenClip]:
    """The clips of a result (its folder or its result.json), or of a folder. Raises CommandError."""
    result = target if target.name == RESULT else target / RESULT
    if result.is_file():
        return list(_of_result(result))
    if not target.is_dir():
        raise CommandError(f"{target}: is neither a result nor a folder of clips")
    clips = list(_of_folder(target, language))
    if not clips:
        raise CommandError(
            f"{target}: has no {RESULT}, and no clip with its text beside it: NAME.wav, NAME.txt"
        )
    return clips


def _of_result(path: Path) -> Iterator[SpokenClip]:
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"{path}: cannot be read: {error}") from error
    for speaker in result.speakers:
        for segment in speaker.segments:
            if segment.clip is not None:
                yield SpokenClip(
                    path=path.parent / segment.clip,
                    name=segment.clip,
                    text=segment.text,
                    spoken=segment.spoken or segment.text,
                    language=speaker.language,
                    speaker=speaker.name,
                )


def _of_folder(folder: Path, language: str) -> Iterator[SpokenClip]:
    for path in sorted(folder.rglob("*")):
        text_path = path.with_suffix(".txt")
        if path.suffix.lower() in SUFFIXES and text_path.is_file():
            text = _read_text(text_path)
            speaker = str(path.parent.relative_to(folder))
            yield SpokenClip(path, str(path.relative_to(folder)), text, text, language, speaker)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_TEXT_BYTES).decode("utf-8-sig").strip()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: is not UTF-8 text; save the file as UTF-8") from error
