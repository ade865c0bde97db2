"""timing.csv: for each line when it was wanted, when it is heard, and what the fitting did to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fishd.core.delivery.timeline import Caption, Placement, Timeline
from fishd.core.text.printable import encodable

COLUMNS = (
    "line",
    "id",
    "speaker",
    "wanted_start_s",
    "wanted_end_s",
    "start_s",
    "end_s",
    "speed",
    "shift_s",
    "overrun_s",
    "text",
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_timing_csv(timeline: Timeline, captions: Sequence[Caption]) -> str:
    """RFC 4180 with a header row; lines are numbered from 1 in script order, and numbers have three decimals.

    A line that failed has no start, end, speed, shift or overrun; an untimed line has no wanted times and no
    shift. Texts that a spreadsheet would run as a formula begin with a single quote.
    """
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    for n, (placement, caption) in enumerate(zip(timeline.placements, captions, strict=True), start=1):
        texts = (_inert(caption.id), _inert(caption.speaker), *_numbers(placement, timeline))
        rows.writerow((n, *texts, _inert(caption.text)))
    return file.getvalue()


def _numbers(placement: Placement, timeline: Timeline) -> tuple[str, ...]:
    heard = placement.length > 0
    timed = placement.wanted_start is not None

    def seconds(samples: int | None) -> str:
        return "" if samples is None else f"{timeline.seconds(samples):z.3f}"  # z: no -0.000

    return (
        seconds(placement.wanted_start),
        seconds(placement.wanted_end),
        seconds(placement.start if heard else None),
        seconds(placement.end if heard else None),
        f"{placement.speed:.3f}" if heard else "",
        seconds(placement.shift if heard and timed else None),
        seconds(placement.overrun if heard else None),
    )


def _inert(text: str) -> str:
    text = encodable(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
