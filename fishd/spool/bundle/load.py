"""Load a bundle: a Job, or everything that is wrong with it.

A bundle is untrusted: its files are opened beneath its folder, up to the limits, and its audio is never
decoded here but by a worker. Whatever is in the folder ends in faults, not in an exception.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import is_zipfile

from fishd.core.model.job import Fault, Job
from fishd.core.model.limits import Limits
from fishd.spool.archive.unpack import unpack
from fishd.spool.bundle.convention import lone_script, manifest_by_convention
from fishd.spool.bundle.manifest import MANIFEST, parse_manifest
from fishd.spool.bundle.model import Manifest
from fishd.spool.bundle.reader import DroppedScript, JobBuilder
from fishd.spool.bundle.reference_store import InPlace, ReferenceCopies
from fishd.spool.bundle.settings import BundleSettings
from fishd.spool.bundle.tree_scan import scan_open_tree
from fishd.spool.bundle.voice_reader import Reference
from fishd.spool.durable.confined_fs import EXHAUSTED, FILE_FLAGS, ConfinedFolder, Missing, Refused, chunks
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.endings import ending, is_script, without_ending
from fishd.spool.errors import disk_error
from fishd.spool.names import job_name, printable
from fishd.spool.work_folder import BUNDLE, UNPACKED, dropped_ending


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """`job` is None exactly if there are faults. `references` has each reference clip once.

    `cover` is the picture of a book.
    """

    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    references: tuple[Reference, ...] = ()
    cover: bytes | None = None


def read_claimed(work: Path, settings: BundleSettings, disk: Disk, copies: ReferenceCopies) -> LoadedBundle:
    """Read the bundle in work/NAME as the job NAME. Raises SpoolError as `read_bundle` does."""
    unpacked = work / UNPACKED
    try:
        if unpacked.exists():  # left by a crash or a full disk
            remove_tree(disk, unpacked)
    except OSError as error:
        raise disk_error(str(unpacked), "cannot be removed", error) from error
    dropped = f"{work.name}{dropped_ending(work)}"
    return read_dropped(work / BUNDLE, dropped, settings, unpacked=unpacked, copies=copies, name=work.name)


def read_dropped(
    bundle: Path,
    dropped: str,
    settings: BundleSettings,
    *,
    unpacked: Path,
    copies: ReferenceCopies | None,
    name: str = "",
) -> LoadedBundle:
    """Read a folder, a script, or an archive, which is first unpacked into `unpacked`. Raises SpoolError.

    `dropped` is what the user called it, `name` the job's name, by default the same without its ending.
    """
    name = name or job_name(without_ending(dropped))
    try:
        if _is_file(bundle) and is_script(dropped):
            return _read_script(bundle, dropped, name, settings, copies)
        if _is_file(bundle):
            bundle = unpack(bundle, unpacked, settings.limits)
    except Refused as refused:
        return LoadedBundle(None, (Fault("bundle", printable(str(refused))),))
    return read_bundle(bundle, name, settings, copies=copies)


def read_bundle(
    folder: Path,
    name: str,
    settings: BundleSettings | None = None,
    *,
    copies: ReferenceCopies | None = None,
) -> LoadedBundle:
    """Read the bundle in `folder` as the job `name`. Blocking; may read gigabytes of reference clips.

    `copies` keeps a copy of each clip as it is hashed, so that later changes by the bundle's owner have no
    effect; without it, `references` are the bundle's own files. Raises SpoolError only for failures of this
    machine's disk or memory.
    """
    settings = settings or BundleSettings()
    limits = settings.limits
    try:
        with ConfinedFolder(folder) as bundle:
            if faults := scan_open_tree(bundle.fd, limits).faults:
                return LoadedBundle(None, _bounded(faults, limits.faults))
            manifest, found = _read_manifest(bundle, limits)
            builder = JobBuilder(bundle, settings, copies or InPlace(folder))
            return _build(builder, manifest, found, name)
    except Refused as refused:
        return LoadedBundle(None, (Fault("bundle", str(refused)),))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise disk_error(str(folder), "cannot be read", error) from error
        return LoadedBundle(None, (Fault("bundle", f"cannot be read: {error.strerror}"),))


def lacking(folder: Path, limits: Limits) -> tuple[Fault, ...]:
    """What keeps a bundle from being complete: a manifest that does not parse, files that are missing."""
    try:
        with ConfinedFolder(folder) as bundle:
            manifest, faults = _read_manifest(bundle, limits)
            if manifest is not None:
                faults = [fault for fault in faults if fault.what.startswith("is missing")]
                faults += _missing_files(bundle, manifest)
    except Refused as refused:
        faults = [Fault("bundle", str(refused))]
    return _bounded(faults, limits.faults)


def lacking_script(script: Path, limits: Limits) -> tuple[Fault, ...]:
    """What keeps a script from being complete: an EPUB is a zip, whose end is written last."""
    if ending(script.name) != ".epub" or script.stat().st_size > limits.script_bytes:
        return ()
    return () if is_zipfile(script) else (Fault("bundle", "is not a whole EPUB yet"),)


def _read_script(
    script: Path, dropped: str, name: str, settings: BundleSettings, copies: ReferenceCopies | None
) -> LoadedBundle:
    """A script that was dropped alone. Raises Refused, SpoolError."""
    fd = os.open(script, FILE_FLAGS | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        content = b"".join(chunks(fd, settings.limits.script_bytes))
    finally:
        os.close(fd)
    bundle = DroppedScript(dropped, content)
    builder = JobBuilder(bundle, settings, copies or InPlace(script.parent))
    return _build(builder, lone_script(dropped), [], name)


def _build(
    builder: JobBuilder, manifest: Manifest | None, faults: Sequence[Fault], name: str
) -> LoadedBundle:
    with builder:
        job = builder.build(manifest, name) if manifest else None
    all_faults = _bounded([*faults, *builder.notes.faults], builder.limits.faults)
    warnings = _bounded(builder.notes.warnings, builder.limits.faults)
    if job:
        job = None if all_faults else replace(job, warnings=warnings)
    return LoadedBundle(job, all_faults, warnings, builder.references, builder.cover)


def _read_manifest(bundle: ConfinedFolder, limits: Limits) -> tuple[Manifest | None, list[Fault]]:
    """The bundle's manifest, in either form, and its faults."""
    try:
        content = bundle.read(MANIFEST, limits.manifest_bytes)
    except Missing:
        return manifest_by_convention(bundle, limits)
    except Refused as refused:
        return None, [Fault(MANIFEST, str(refused))]
    return parse_manifest(content)


def _missing_files(bundle: ConfinedFolder, manifest: Manifest) -> Iterator[Fault]:
    for named in manifest.files():
        try:
            with bundle.file(named.path):
                pass
        except Missing as missing:
            yield Fault(named.where, f"{named.path} {missing}")
        except Refused:  # waiting would not help: the reader reports it
            continue


def _is_file(path: Path) -> bool:
    """Whether it is a regular file; links are not followed."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _bounded(faults: Sequence[Fault], limit: int) -> tuple[Fault, ...]:
    """The first faults with printable names, and how many more there are."""
    shown = tuple(Fault(printable(fault.where), printable(fault.what)) for fault in faults[:limit])
    more = len(faults) - limit
    return (*shown, Fault("bundle", f"and {more:,} more like these")) if more > 0 else shown
