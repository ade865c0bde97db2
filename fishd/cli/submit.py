"""`fishd submit`: bundles into the inbox, and with --wait out of the outbox."""

from __future__ import annotations

from pathlib import Path

from fishd.cli.drop import drop
from fishd.cli.places import load, spool_root, status_of, why_silent
from fishd.cli.talk import NOT_ALL_WELL, WELL, CommandError, complain, say
from fishd.core.visible import visible
from fishd.core.words import count
from fishd.spool.safefs import size_in_words


def submit(bundles: list[Path], config: Path | None, *, wait: bool) -> int:
    """Drop each bundle; the exit code."""
    root = spool_root(load(config))
    names: list[str] = []
    code = WELL
    for bundle in bundles:
        try:
            dropped = drop(bundle, root)
        except CommandError as error:  # the others are dropped all the same
            complain(error)
            code = error.code
            continue
        names.append(dropped.name)
        held = f"{count(dropped.files, 'file')}, {size_in_words(dropped.size_bytes)}"
        say(f"{visible(dropped.name)} is in the inbox ({held})")
        if not wait:
            print(dropped.name)
    if names and (trouble := why_silent(root, status_of(root))):
        say(trouble)
        if not wait:
            say("what is in the inbox is spoken when a daemon runs")
    return (wait_for(names, root) or code) if wait and names else code


def wait_for(names: list[str], root: Path) -> int:
    """Until each is published; their outcomes go to stdout."""
    from fishd.cli.outcome import print_outcome
    from fishd.cli.wait import published

    all_well = True
    for name in published(names, root):
        all_well = print_outcome(name, root / "outbox" / name) and all_well
    return WELL if all_well else NOT_ALL_WELL
