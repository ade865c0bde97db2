"""A claimed folder made into a Job, or into all that is wrong with it.

A bundle is untrusted: its files are opened beneath its folder, bounded, and never decoded here; the audio
is for a worker to inspect. Whatever is in the folder, `read_bundle` returns and does not raise.
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

__all__ = ["LoadedBundle", "Reference", "lacking", "read_bundle", "read_claimed", "read_dropped"]


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """What a bundle is: `job` is None exactly if there are faults. Each file is in `references` once."""

    job: Job | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    references: tuple[Reference, ...]


def read_bundle(
    folder: Path,
    name: str,
    limits: Limits | None = None,
    default_format: str = "wav",
    *,
    copies: ReferenceCopies | None = None,
) -> LoadedBundle:
    """Read the bundle in `folder` as the job `name`. Blocking; may read gigabytes of reference clips.

    `copies` takes each clip as it is hashed, and `references` are what it has kept: what the bundle's owner
    changes from then on concerns nobody. Without it they are the bundle's own files. Raises SpoolError only
    for what this machine's disk or memory refuses.
    """
    limits = limits or Limits()
    try:
        with ConfinedFolder(folder) as bundle:
            if too_much := scan_open_tree(bundle.fd, limits).faults:
                return LoadedBundle(None, _bounded(too_much, limits.faults), (), ())
            return _read(
                JobBuilder(bundle, limits, copies or InPlace(folder)), bundle, name, limits, default_format
            )
    except Refused as refused:
        return LoadedBundle(None, (Fault("bundle", str(refused)),), (), ())
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise disk_error(str(folder), "cannot be read", error) from error
        return LoadedBundle(None, (Fault("bundle", f"cannot be read: {error.strerror}"),), (), ())


def read_claimed(
    work: Path, limits: Limits, default_format: str, disk: Disk, copies: ReferenceCopies
) -> LoadedBundle:
    """Read what was claimed into work/NAME. Raises SpoolError as read_bundle does."""
    bundle, unpacked = work / BUNDLE, work / UNPACKED
    if not _is_file(bundle):
        return read_bundle(bundle, work.name, limits, default_format, copies=copies)
    try:
        if unpacked.exists():  # a crash's, or a full disk's
            remove_tree(disk, unpacked)
    except OSError as error:
        raise disk_error(str(unpacked), "cannot be removed", error) from error
    return read_dropped(bundle, work.name, limits, default_format, unpacked=unpacked, copies=copies)


def read_dropped(
    bundle: Path,
    name: str,
    limits: Limits,
    default_format: str,
    *,
    unpacked: Path,
    copies: ReferenceCopies | None,
) -> LoadedBundle:
    """Read a folder, or an archive, which is unpacked first into `unpacked`. Raises SpoolError."""
    if _is_file(bundle):
        try:
            bundle = unpack(bundle, unpacked, limits)
        except Refused as refused:
            return LoadedBundle(None, (Fault("bundle", printable(str(refused))),), (), ())
    return read_bundle(bundle, name, limits, default_format, copies=copies)


def _is_file(bundle: Path) -> bool:
    """Not followed."""
    try:
        return stat.S_ISREG(bundle.lstat().st_mode)
    except FileNotFoundError:
        return False


def lacking(folder: Path, limits: Limits) -> tuple[Fault, ...]:
    """What a bundle still waits for: a manifest that parses, and every file that it names. Reads no audio."""
    try:
        with ConfinedFolder(folder) as bundle:
            draft, faults = read_manifest(bundle, limits, "wav")
            if draft is not None:
                faults = [fault for fault in faults if fault.what.startswith("is missing")]
                faults += _missing(bundle, draft)
    except Refused as refused:
        faults = [Fault("bundle", str(refused))]
    return _bounded(faults, limits.faults)


def _read(
    reader: JobBuilder, bundle: ConfinedFolder, name: str, limits: Limits, default_format: str
) -> LoadedBundle:
    draft, faults = read_manifest(bundle, limits, default_format)
    job = reader.build(draft, name) if draft else None
    faults = _bounded([*faults, *reader.faults], limits.faults)
    warnings = _bounded(reader.warnings, limits.faults)
    if job:
        job = None if faults else replace(job, warnings=warnings)
    return LoadedBundle(job, faults, warnings, tuple(reader.references.values()))


def read_manifest(
    bundle: ConfinedFolder, limits: Limits, default_format: str
) -> tuple[Manifest | None, list[Fault]]:
    """The bundle's draft, in whichever form it comes, and its faults."""
    try:
        content = bundle.read(MANIFEST, limits.manifest_bytes)
    except Missing:
        return manifest_by_convention(bundle, limits, default_format)
    except Refused as refused:
        return None, [Fault(MANIFEST, str(refused))]
    return parse_manifest(content, default_format)


def _missing(bundle: ConfinedFolder, draft: Manifest) -> Iterator[Fault]:
    for named in draft.files():
        try:
            with bundle.file(named.path):
                pass
        except Missing as missing:
            yield Fault(named.where, f"{named.path} {missing}")
        except Refused:  # no waiting will mend it: the reader says what is wrong
            continue


def _bounded(faults: Sequence[Fault], limit: int) -> tuple[Fault, ...]:
    """The first faults, and how many more there are. Names in them cannot harm a terminal."""
    shown = tuple(Fault(printable(fault.where), printable(fault.what)) for fault in faults[:limit])
    more = len(faults) - limit
    return (*shown, Fault("bundle", f"and {more:,} more like these")) if more > 0 else shown
