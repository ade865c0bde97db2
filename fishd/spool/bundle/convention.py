"""The manifest of a bundle without job.toml: one sub-folder for each speaker, with files of known names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fishd.core.model.job import Fault
from fishd.spool.bundle.model import DEFAULT_LANGUAGE, FileRef, Manifest, SpeakerEntry, TextValue
from fishd.spool.durable.syscalls import FOLDER_FLAGS
from fishd.spool.names import printable, valid_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fishd.core.model.limits import Limits
    from fishd.spool.durable.confined_fs import ConfinedFolder

CLIPS = ("reference.wav", "reference.flac", "reference.ogg", "reference.mp3")
NEITHER_FORM = "is missing, and no sub-folder holds a speaker (reference.wav, reference.txt, lines.txt)"
IGNORED_ENDS = (".part", ".partial", ".tmp", ".filepart", ".crdownload")


def is_ignored(name: str) -> bool:
    """Whether a name is hidden, or that of an unfinished transfer."""
    return name.startswith(".") or name.lower().endswith(IGNORED_ENDS)


def manifest_by_convention(
    bundle: ConfinedFolder, limits: Limits, default_format: str
) -> tuple[Manifest, list[Fault]]:
    """A manifest without a title, from the sub-folders, and its faults: what is missing."""
    faults: list[Fault] = []
    names = sorted(_folders(bundle.fd, limits))
    if not names:
        is_empty = not _names(bundle.fd, ".", 1)
        return Manifest(""), [
            Fault("job.toml", "is missing: the folder is empty" if is_empty else NEITHER_FORM)
        ]
    for name in names:
        if _names(bundle.fd, name, 1_000) >= {"job.toml"}:
            return Manifest(""), [
                Fault("job.toml", f"is missing; there is one in {valid_utf8(name)}/: drop that folder itself")
            ]
    speakers = tuple(speaker for name in names if (speaker := _speaker(bundle, name, limits, faults)))
    return Manifest("", format=default_format, speakers=speakers), faults


def _folders(fd: int, limits: Limits) -> Iterator[str]:
    with os.scandir(fd) as entries:
        for num_seen, entry in enumerate(entries):
            if num_seen >= limits.max_files:
                return
            if entry.is_dir(follow_symlinks=False) and not is_ignored(entry.name):
                yield entry.name


def _speaker(bundle: ConfinedFolder, name: str, limits: Limits, faults: list[Fault]) -> SpeakerEntry | None:
    if valid_utf8(name) != name:
        faults.append(Fault(valid_utf8(name), "the folder's name is not UTF-8; rename it"))
        return None
    present = _names(bundle.fd, name, limits.max_files)
    clips = sorted(file for file in present if file.lower() in CLIPS)
    if not clips:
        faults.append(Fault(f"{name}/reference.wav", "is missing (.flac, .ogg and .mp3 are accepted too)"))
    elif len(clips) > 1:
        faults.append(Fault(name, f"holds several references ({', '.join(clips)}); keep one"))
    missing = [file for file in ("reference.txt", "lines.txt") if file not in present]
    faults += [Fault(f"{name}/{file}", "is missing") for file in missing]
    return SpeakerEntry(
        where=name,
        name=TextValue(name, printable(name)),
        language=DEFAULT_LANGUAGE,
        references=tuple(FileRef(f"{name}/{clip}", f"{name}/{clip}") for clip in clips[:1]),
        transcript=_file_ref(name, "reference.txt", present),
        segments=_file_ref(name, "lines.txt", present) or (),
    )


def _file_ref(folder: str, file: str, present: set[str]) -> FileRef | None:
    return FileRef(f"{folder}/{file}", f"{folder}/{file}") if file in present else None


def _names(bundle_fd: int, folder: str, limit: int) -> set[str]:
    try:
        fd = os.open(folder, FOLDER_FLAGS, dir_fd=bundle_fd)
    except OSError:  # gone or unreadable: then everything in it is missing
        return set()
    try:
        with os.scandir(fd) as entries:
            return {entry.name for entry, _ in zip(entries, range(limit), strict=False)}
    finally:
        os.close(fd)
