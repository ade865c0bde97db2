"""Numbers as text for people: durations, times, counts, sizes, speeds."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """`0.4 s`, `6.1 s`, `2 min 14 s`, `1 h 03 min`, `2 d 4 h`."""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = whole // 60
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes // 60 % 24} h"


def time_left(seconds: float) -> str:
    """A duration without tenths, as it is an estimate: `12 s`, `2 min 14 s`."""
    return f"{max(round(seconds), 0)} s" if seconds < 59.5 else duration(round(seconds))


def human_size(size_bytes: int) -> str:
    """`17 bytes`, `2.0 KiB`, `5.3 GiB`."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def gigabytes(gb: float) -> str:
    """`0.4 GB`, `24.0 GB`."""
    return f"{gb:.1f} GB"


def clock(seconds: float) -> str:
    """`00:12`, `12:05`, `1:02:03`."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{minutes}" if hours else minutes


def utc_time(at: str) -> str:
    """`2026-11-22 15:12:14 UTC`, from RFC 3339; any other text is returned as it is."""
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return at


def count(number: int, noun: str) -> str:
    """`1 segment`, `20,000 segments`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def times_real_time(speech_rate: float) -> str:
    """A speech rate, in seconds of speech per second, and how long an hour of speech takes at it."""
    if speech_rate <= 0:
        return "no speech was made"
    hour = duration(3600 / speech_rate)
    return f"{speech_rate:.1f} × real time: an hour of speech takes {hour}"
