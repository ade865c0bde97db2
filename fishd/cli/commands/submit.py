"""`fishd submit`: bundles into the inbox, and with --wait out of the outbox."""

from __future__ import annotations

from pathlib import Path

from fishd.cli.drop import Dropped, drop
from fishd.cli.locate import load, spool_root, status_of, why_silent
from fishd.cli.output import NOT_ALL_WELL, WELL, CommandError, complain, say
from fishd.core.text.humanize import count, size_in_words
from fishd.core.text.printable import to_printable


def submit(bundles: list[Path], config: Path | None, *, wait: bool) -> int:
    """Drop each bundle; the exit code."""
    settings = load(config)
    root = spool_root(settings)
    dropped: list[Dropped] = []
    code = WELL
    for bundle in bundles:
        try:
            dropped.append(drop(bundle, root, limits=settings.limits))
        except CommandError as error:  # the others are dropped all the same
            complain(error)
            code = error.code
    if dropped:
        say_dropped(*dropped, root=root, wait=wait)
    return (wait_for([one.name for one in dropped], root) or code) if wait and dropped else code


def say_dropped(*dropped: Dropped, root: Path, wait: bool) -> None:
    """Their names to stdout unless their outcomes come there, and whether anybody will speak them now."""
    for one in dropped:
        held = f"{count(one.files, 'file')}, {size_in_words(one.size_bytes)}"
        say(f"{to_printable(one.name)} is in the inbox ({held})")
        if not wait:
            print(one.name)
    if trouble := why_silent(root, status_of(root)):
        say(trouble)
        if not wait:
            say("what is in the inbox is spoken when a daemon runs")


def wait_for(names: list[str], root: Path) -> int:
    """Until each is published; their outcomes go to stdout."""
    from fishd.cli.job_outcome import print_outcome
    from fishd.cli.progress import published

    all_well = True
    for position, name in enumerate(published(names, root)):
        if position:
            print()
        all_well = print_outcome(root / "outbox" / name) and all_well
    return WELL if all_well else NOT_ALL_WELL
