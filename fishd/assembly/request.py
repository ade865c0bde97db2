"""Reads the request and finds what makes no sense in it before any work is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import msgspec

from fishd.assembly.encode.sinks import FORMATS, LOSSY_FORMATS, LOSSY_OVERSHOOT_DB, missing_package
from fishd.assembly.faults import AssemblyError
from fishd.wire.assembly import AssemblyRequest


def read_request(path: Path) -> AssemblyRequest:
    """Raises AssemblyError for what is no request, and OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=AssemblyRequest)
    except msgspec.DecodeError as error:
        raise AssemblyError("request", str(path), str(error)) from error


def check_request(request: AssemblyRequest) -> None:
    """Raises AssemblyError: for a format that cannot be written, a path used twice, an unknown speaker."""
    for line in request.lines:
        if line.speaker not in range(len(request.speakers)):
            raise AssemblyError("request", f"line {line.id}", f"there is no speaker {line.speaker}")
    audio = list(_audio_paths(request))
    tracks = request.tracks
    texts = [path for path in (tracks.srt, tracks.vtt, tracks.timing) if path is not None]
    path, count = next(iter(Counter(audio + texts).most_common(1)), ("", 0))
    if count > 1:
        raise AssemblyError("request", path, f"is the path of {count} files")
    for suffix, path in _by_suffix(audio).items():
        if suffix not in FORMATS:
            raise AssemblyError("request", path, f"the format must be one of {' '.join(FORMATS)}")
        missing = missing_package(suffix)
        if missing is not None:
            raise AssemblyError("missing", path, missing)


def ceiling_dbtp(request: AssemblyRequest) -> float:
    """What all audio is limited to: lower for coded formats, whose decoders overshoot."""
    is_coded = any(suffix in LOSSY_FORMATS for suffix in _by_suffix(_audio_paths(request)))
    return min(0.0, request.settings.peak) - (LOSSY_OVERSHOOT_DB if is_coded else 0.0)


def has_book(request: AssemblyRequest) -> bool:
    """Whether any file can have a cover."""
    return "m4b" in _by_suffix(_audio_paths(request))


def spoken_clips(request: AssemblyRequest) -> list[str | None]:
    """Each line's raw clip; None for a line that failed or is skipped."""
    return [None if line.skipped else line.clip for line in request.lines]


def _audio_paths(request: AssemblyRequest) -> Iterator[str]:
    published = (line.published for line in request.lines if line.clip is not None and not line.skipped)
    stems = (speaker.stem for speaker in request.speakers)
    paths = (*published, *stems, request.tracks.mix, request.tracks.book)
    return (path for path in paths if path is not None)


def _by_suffix(paths: Iterable[str]) -> dict[str, str]:
    """A path of each format."""
    return {PurePath(path).suffix[1:]: path for path in paths}
