"""Load a bundle: a Job, or everything that is wrong with it.

A bundle is untrusted: its files are opened beneath its folder, up to the limits, and its audio is never
decoded here but by a worker. Whatever is in the folder ends in faults, not in an exception.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fishd.core.model.job import Fault, Job
from fishd.core.model.limits import Limits
from fishd.spool.archive.unpack import unpack
from fishd.spool.bundle.convention import manifest_by_convention
from fishd.spool.bundle.manifest import MANIFEST, parse_manifest
from fishd.spool.bundle.model import Manifest
from fishd.spool.bundle.reader import JobBuilder, Reference
from fishd.spool.bundle.reference_store import InPlace, ReferenceCopies
from fishd.spool.bundle.tree_scan import scan_open_tree
from fishd.spool.durable.confined_fs import EXHAUSTED, ConfinedFolder, Missing, Refused
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.errors import disk_error
from fishd.spool.names import printable
from fishd.spool.work_folder import BUNDLE, UNPACKED


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """`job` is None exactly if there are faults. `references` has each reference clip once."""

    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    references: tuple[Reference, ...] = ()


def read_claimed(
    work: Path, limits: Limits, default_format: str, disk: Disk, copies: ReferenceCopies
) -> LoadedBundle:
    """Read the bundle in work/NAME as the job NAME. Raises SpoolError as `read_bundle` does."""
    unpacked = work / UNPACKED
    try:
        if unpacked.exists():  # left by a crash or a full disk
            remove_tree(disk, unpacked)
    except OSError as error:
        raise disk_error(str(unpacked), "cannot be removed", error) from error
    return read_dropped(work / BUNDLE, work.name, limits, default_format, unpacked=unpacked, copies=copies)


def read_dropped(
    bundle: Path,
    name: str,
    limits: Limits,
    default_format: str,
    *,
    unpacked: Path,
    copies: ReferenceCopies | None,
) -> LoadedBundle:
    """Read a folder, or an archive, which is first unpacked into `unpacked`. Raises SpoolError."""
    if _is_file(bundle):
        try:
            bundle = unpack(bundle, unpacked, limits)
        except Refused as refused:
            return LoadedBundle(None, (Fault("bundle", printable(str(refused))),))
    return read_bundle(bundle, name, limits, default_format, copies=copies)


def read_bundle(
    folder: Path,
    name: str,
    limits: Limits | None = None,
    default_format: str = "wav",
    *,
    copies: ReferenceCopies | None = None,
) -> LoadedBundle:
    """Read the bundle in `folder` as the job `name`. Blocking; may read gigabytes of reference clips.

    `copies` keeps a copy of each clip as it is hashed, so that later changes by the bundle's owner have no
    effect; without it, `references` are the bundle's own files. Raises SpoolError only for failures of this
    machine's disk or memory.
    """
    limits = limits or Limits()
    try:
        with ConfinedFolder(folder) as bundle:
            if faults := scan_open_tree(bundle.fd, limits).faults:
                return LoadedBundle(None, _bounded(faults, limits.faults))
            return _read(bundle, name, limits, default_format, copies or InPlace(folder))
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
            manifest, faults = _read_manifest(bundle, limits, "wav")
            if manifest is not None:
                faults = [fault for fault in faults if fault.what.startswith("is missing")]
                faults += _missing_files(bundle, manifest)
    except Refused as refused:
        faults = [Fault("bundle", str(refused))]
    return _bounded(faults, limits.faults)


def _read(
    bundle: ConfinedFolder, name: str, limits: Limits, default_format: str, copies: ReferenceCopies
) -> LoadedBundle:
    manifest, faults = _read_manifest(bundle, limits, default_format)
    builder = JobBuilder(bundle, limits, copies)
    job = builder.build(manifest, name) if manifest else None
    faults = _bounded([*faults, *builder.faults], limits.faults)
    warnings = _bounded(builder.warnings, limits.faults)
    if job:
        job = None if faults else replace(job, warnings=warnings)
    return LoadedBundle(job, faults, warnings, tuple(builder.references.values()))


def _read_manifest(
    bundle: ConfinedFolder, limits: Limits, default_format: str
) -> tuple[Manifest | None, list[Fault]]:
    """The bundle's manifest, in either form, and its faults."""
    try:
        content = bundle.read(MANIFEST, limits.manifest_bytes)
    except Missing:
        return manifest_by_convention(bundle, limits, default_format)
    except Refused as refused:
        return None, [Fault(MANIFEST, str(refused))]
    return parse_manifest(content, default_format)


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
