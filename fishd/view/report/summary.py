"""The texts that report a finished job: summary.txt and result.json. Result in, text out."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from fishd.core.model.result import Result
from fishd.core.text.to_json import as_json
from fishd.view.layout import WIDTH
from fishd.view.report.delivery import chapters, levels, overruns, skipped, tracks
from fishd.view.report.faults import doubtful, faults, warnings
from fishd.view.report.headline import headline, remarks
from fishd.view.report.tables import speakers, totals, workers


class Summary:
    """The summary as a rich renderable."""

    def __init__(self, result: Result, bundle: str = "") -> None:
        self._result = result
        self._bundle = bundle

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        result = self._result
        yield from headline(result)
        yield from remarks(result, console)
        yield from doubtful(result, console)
        yield from faults(result, console, self._bundle)
        yield from warnings(result, console)
        if result.totals.segments:
            yield from overruns(result)
            yield from tracks(result)
            yield from chapters(result)
            yield from speakers(result)
            yield from levels(result)
            yield from skipped(result)
            yield from workers(result)
            yield from totals(result)


def render(result: Result, bundle: str = "") -> str:
    """summary.txt: plain text of 80 columns.

    `bundle` is where the job's bundle is archived, from the spool's root: "archive/NAME.zip".
    """
    written = io.StringIO()
    console = Console(
        file=written,
        width=WIDTH,
        height=100,
        color_system=None,
        force_terminal=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(Summary(result, bundle), crop=False, end="")
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def result_json(result: Result) -> bytes:
    """result.json, indented, its keys in the documented order."""
    return msgspec.json.format(as_json(result), indent=2) + b"\n"
