"""`fishd submit`: copy bundles into the inbox and, with --wait, wait for their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fishd.cli.drop import Dropped, drop
from fishd.cli.locate import last_status, read_config, spool_root, why_no_daemon
from fishd.cli.output import EXIT_OK, CommandError, print_error, print_message
from fishd.core.text.humanize import count, human_size
from fishd.core.text.printable import to_printable


def submit(bundles: list[Path], path: Path | None, *, wait: bool) -> int:
    """Drop each bundle; one that cannot be dropped does not stop the others. The exit code."""
    config = read_config(path)
    root = spool_root(config)
    dropped: list[Dropped] = []
    code = EXIT_OK
    for bundle in bundles:
        try:
            dropped.append(drop(bundle, root, limits=config.limits))
        except CommandError as error:
            print_error(error)
            code = error.code
    return (report(dropped, root, wait=wait) if dropped else EXIT_OK) or code


def report(dropped: Sequence[Dropped], root: Path, *, wait: bool) -> int:
    """Print the jobs' names on stdout or, with `wait`, how they ended; the exit code."""
    for one in dropped:
        size = f"{count(one.files, 'file')}, {human_size(one.size_bytes)}"
        print_message(f"{to_printable(one.name)} is in the inbox ({size})")
        if not wait:
            print(one.name)
    if trouble := why_no_daemon(root, last_status(root)):
        print_message(trouble)
        if not wait:
            print_message("the inbox is processed when a daemon runs")
    if not wait:
        return EXIT_OK
    from fishd.cli.job_outcome import wait_for_results

    return wait_for_results([one.name for one in dropped], root)
