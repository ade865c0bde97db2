"""How jobs ended, on stdout: the head of the summary, what went wrong, and where the result is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, console
from fishd.cli.progress import wait_until_published
from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.core.text.humanize import times_real_time
from fishd.spool.endings import bundle_in
from fishd.view.report.faults import faults, warnings
from fishd.view.report.headline import headline, remarks

_MOST_TRACKS = 8  # that are printed; the folder has them all


def wait_for_results(names: Sequence[str], root: Path) -> int:
    """Wait until the jobs are published and print how each ended; EXIT_OK if every segment is spoken."""
    wait_until_published(names, root)
    code = EXIT_OK
    for position, name in enumerate(names):
        if position:
            print()
        if print_outcome(root / "outbox" / name) is not JobStatus.DONE:
            code = EXIT_FAILED
    return code


def print_outcome(folder: Path) -> JobStatus:
    """Print how the job with this result ended."""
    result = read_result(folder)
    console().print(_Outcome(result, folder), end="", crop=False)
    return result.status


def read_result(folder: Path) -> Result:
    """A published result.json. Raises CommandError if it cannot be read."""
    path = folder / "result.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}", EXIT_FAILED) from error
    except msgspec.MsgspecError as error:
        fault = f"is not a result of this version of fishd: {error}"
        raise CommandError(f"{path}: {fault}", EXIT_FAILED) from error


class _Outcome:
    """The summary without its tables."""

    def __init__(self, result: Result, folder: Path) -> None:
        self._result = result
        self._folder = folder

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        result = self._result
        bundle = bundle_in(self._folder.parents[1] / "archive", self._folder.name)
        yield from headline(result)
        yield from remarks(result, console)
        yield from faults(result, console, f"archive/{(bundle or self._folder).name}")
        yield from warnings(result, console)
        if result.totals.done:
            yield Segment(f"\n  {times_real_time(result.totals.speech_rate)}\n")
        yield Segment("\n")
        for track in result.tracks[:_MOST_TRACKS]:
            yield Segment(f"{self._folder / track.path}\n")
        yield Segment(f"{self._folder}\n")
