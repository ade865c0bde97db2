"""How a job ended, on stdout: the head of its summary, what went wrong, and where to find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from fishd.cli.output import NOT_ALL_WELL, CommandError, console
from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.core.text.humanize import times_real_time
from fishd.spool.archive.endings import bundle_in
from fishd.view.report.faults import faults, warnings
from fishd.view.report.headline import headline, remarks


def read_result(folder: Path) -> Result:
    """A published result.json; CommandError if it cannot be read."""
    path = folder / "result.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}", NOT_ALL_WELL) from error
    except msgspec.MsgspecError as error:
        raise CommandError(
            f"{path}: is not a result of this version of fishd: {error}", NOT_ALL_WELL
        ) from error


def print_outcome(folder: Path) -> bool:
    """Say how it ended; whether all of it was spoken."""
    result = read_result(folder)
    console().print(_Outcome(result, folder), end="", crop=False)
    return result.status is JobStatus.DONE


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
        yield Segment(f"\n{self._folder}\n")
