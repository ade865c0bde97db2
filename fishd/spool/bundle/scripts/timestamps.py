"""Timestamps as subtitles and tables write them, converted to seconds."""

from __future__ import annotations

import re

_TIMESTAMP = re.compile(r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d)(?:[.,](\d{1,9}))?", re.ASCII)


def parse_timestamp(text: str) -> float | None:
    """Seconds of `01:02:03,500`, `2:03.5` or `0:02:03.50`, to the millisecond; None for anything else."""
    written = _TIMESTAMP.fullmatch(text.strip())
    if written is None:
        return None
    hours, minutes, seconds, fraction = written.groups(default="0")
    whole_s = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return (whole_s * 1000 + int(fraction.ljust(3, "0")[:3])) / 1000


def format_timestamp(moment_s: float) -> str:
    """`01:02:03,500`."""
    minutes, milliseconds = divmod(round(moment_s * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
