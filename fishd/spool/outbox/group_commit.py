"""Jobs that walk the same way side by side, so that one sync serves them all.

Each is a generator. It yields what must be on the disk before it goes on; what a round has asked for is
forced to the disk at once, however many asked. An error is thrown into the generators that it concerns.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.transient_errors import is_transient
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError, fix_for
from fishd.spool.journal.journal import AnyLine, append_to_all


@dataclass(frozen=True, slots=True)
class Files:
    """New files, and the names in folders."""

    files: Mapping[Path, bytes]
    folders: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of journals, by work/NAME."""

    lines: Mapping[Path, Sequence[AnyLine]]


@dataclass(frozen=True, slots=True)
class Names:
    """The names in folders."""

    folders: Sequence[Path]


Wish = Files | Lines | Names
Way = Generator[Wish, None, Path]


def together(ways: Sequence[tuple[Path, Way]], disk: Disk) -> list[Path | SpoolError]:
    """Walk every job (its folder, its way) to its end: what it returned, or the error that stopped it."""
    ends: dict[int, Path | SpoolError] = {}
    turns: dict[int, OSError | None] = dict.fromkeys(range(len(ways)))  # and what the last wish met
    while turns:
        wishes: dict[int, Wish] = {}
        for number, error in turns.items():
            folder, way = ways[number]
            try:
                wishes[number] = way.throw(error) if error else next(way)
            except StopIteration as over:
                ends[number] = over.value
            except OSError as refusal:
                ends[number] = _publish_error(folder, refusal)
            except SpoolError as refusal:
                ends[number] = refusal
        turns = _fulfil(wishes, disk)
    return [ends[number] for number in range(len(ways))]


def _fulfil(wishes: Mapping[int, Wish], disk: Disk) -> dict[int, OSError | None]:
    """The error of each wish, or None."""
    met: dict[int, OSError | None] = {}
    for kind in (Files, Lines, Names):
        met |= _at_once({number: wish for number, wish in wishes.items() if type(wish) is kind}, disk)
    return met


def _at_once(wishes: Mapping[int, Wish], disk: Disk) -> dict[int, OSError | None]:
    """One of them may be at fault alone (its folder is gone): then each is tried for itself."""
    if not wishes:
        return {}
    try:
        _sync(list(wishes.values()), disk)
    except OSError as error:
        if len(wishes) == 1 or is_transient(error):
            return dict.fromkeys(wishes, error)
        return {number: _at_once({number: wish}, disk)[number] for number, wish in wishes.items()}
    return dict.fromkeys(wishes)


def _sync(wishes: Sequence[Wish], disk: Disk) -> None:
    files: dict[Path, bytes] = {}
    lines: dict[Path, Sequence[AnyLine]] = {}
    folders: dict[Path, None] = {}
    for wish in wishes:
        match wish:
            case Files():
                files |= wish.files
                folders |= dict.fromkeys(wish.folders)
            case Lines():
                lines |= wish.lines
            case Names():
                folders |= dict.fromkeys(wish.folders)
    if files:
        disk.stage(files, list(folders))
    elif folders:
        disk.sync_folders(list(folders))
    if lines:
        append_to_all(lines, disk)


def _publish_error(folder: Path, error: OSError) -> SpoolError:
    what = f"cannot be published: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    refusal = SpoolError(f"job {folder.name}", what, fix_for(error))
    refusal.__cause__ = error
    return refusal
