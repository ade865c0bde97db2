"""The manifest of a bundle without job.toml: one sub-folder for each speaker, with files of known names.

Either every speaker has lines.txt, or one script beside the folders has the lines. A script alone takes its
speakers from the voice library.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fishd.core.model.job import Fault
from fishd.spool.bundle.model import FileRef, Manifest, ScriptEntry, SpeakerEntry, TextValue
from fishd.spool.durable.syscalls import FOLDER_FLAGS
from fishd.spool.endings import is_script
from fishd.spool.names import printable, valid_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fishd.core.model.limits import Limits
    from fishd.spool.durable.confined_fs import ConfinedFolder

COVERS = ("cover.jpg", "cover.jpeg", "cover.png")
CLIPS = ("reference.wav", "reference.flac", "reference.ogg", "reference.mp3")
NEITHER_FORM = (
    "is missing, and there is neither a script nor a sub-folder that holds a speaker (reference.wav, "
    "reference.txt, lines.txt)"
)
IGNORED_ENDS = (".part", ".partial", ".tmp", ".filepart", ".crdownload")


def is_ignored(name: str) -> bool:
    """Whether a name is hidden, or that of an unfinished transfer."""
    return name.startswith(".") or name.lower().endswith(IGNORED_ENDS)


def manifest_by_convention(bundle: ConfinedFolder, limits: Limits) -> tuple[Manifest, list[Fault]]:
    """A manifest without a title, from the sub-folders, and its faults: what is missing."""
    names = sorted(folders_in(bundle.fd, limits))
    files = {name: names_in(bundle.fd, name, limits.max_files) for name in names}
    beside = names_in(bundle.fd, ".", limits.max_files)
    scripts = [name for name in sorted(beside) if is_script(name) and not is_ignored(name)]
    if inner := next((name for name in names if "job.toml" in files[name]), None):
        what = f"is missing; there is one in {valid_utf8(inner)}/: drop that folder itself"
        return Manifest(""), [Fault("job.toml", what)]
    has_script = bool(scripts) and not any("lines.txt" in present for present in files.values())
    if not names and not has_script:
        return Manifest(""), [
            Fault("job.toml", NEITHER_FORM if beside else "is missing: the folder is empty")
        ]
    if has_script and len(scripts) > 1:
        listed = ", ".join(map(valid_utf8, scripts[:5]))
        what = f"holds {len(scripts)} scripts ({listed}); keep one, or name it in job.toml: [script] file = …"
        return Manifest(""), [Fault("bundle", what)]
    faults: list[Fault] = []
    wanted = ("reference.txt",) if has_script else ("reference.txt", "lines.txt")
    speakers = (_speaker(name, files[name], wanted, faults) for name in names)
    script = ScriptEntry(FileRef(scripts[0], scripts[0]), cover=_cover(beside)) if has_script else None
    return Manifest("", speakers=tuple(filter(None, speakers)), script=script), faults


def lone_script(name: str) -> Manifest:
    """The manifest of a script that was dropped alone."""
    return Manifest("", script=ScriptEntry(FileRef(name, name)))


def _cover(present: set[str]) -> FileRef | None:
    return next((FileRef(name, name) for name in sorted(present) if name.lower() in COVERS), None)


def folders_in(fd: int, limits: Limits) -> Iterator[str]:
    """The names of the sub-folders that are not ignored."""
    with os.scandir(fd) as entries:
        for num_seen, entry in enumerate(entries):
            if num_seen >= limits.max_files:
                return
            if entry.is_dir(follow_symlinks=False) and not is_ignored(entry.name):
                yield entry.name


def _speaker(name: str, present: set[str], wanted: Sequence[str], faults: list[Fault]) -> SpeakerEntry | None:
    if valid_utf8(name) != name:
        faults.append(Fault(valid_utf8(name), "the folder's name is not UTF-8; rename it"))
        return None
    references, wrong = find_references(name, present)
    faults += wrong
    faults += [Fault(f"{name}/{file}", "is missing") for file in wanted if file not in present]
    return SpeakerEntry(
        where=name,
        name=TextValue(name, printable(name)),
        language="",
        references=references,
        transcript=_file_ref(name, "reference.txt", present),
        segments=_file_ref(name, "lines.txt", present) or (),
    )


def find_references(name: str, present: set[str]) -> tuple[tuple[FileRef, ...], list[Fault]]:
    """The reference clip among the files of a voice's folder, and what is wrong."""
    clips = sorted(file for file in present if file.lower() in CLIPS)
    faults: list[Fault] = []
    if not clips:
        faults.append(Fault(f"{name}/reference.wav", "is missing (.flac, .ogg and .mp3 are accepted too)"))
    elif len(clips) > 1:
        faults.append(Fault(name, f"holds several references ({', '.join(clips)}); keep one"))
    return tuple(FileRef(f"{name}/{clip}", f"{name}/{clip}") for clip in clips[:1]), faults


def _file_ref(folder: str, file: str, present: set[str]) -> FileRef | None:
    return FileRef(f"{folder}/{file}", f"{folder}/{file}") if file in present else None


def names_in(bundle_fd: int, folder: str, limit: int) -> set[str]:
    """The names in a sub-folder; none if it cannot be read."""
    try:
        fd = os.open(folder, FOLDER_FLAGS, dir_fd=bundle_fd)
    except OSError:  # gone or unreadable: then everything in it is missing
        return set()
    try:
        with os.scandir(fd) as entries:
            return {entry.name for entry, _ in zip(entries, range(limit), strict=False)}
    finally:
        os.close(fd)
