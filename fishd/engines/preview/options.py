"""The options that the preview engine takes, from `[engine] options` and a job's `[engine_options]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fishd.engines.protocol import BadOption

# Not for us, and no fault either: what the worker adds, and what samples from a model. A job that is meant
# for a cloning engine can so be heard as it stands.
PASSED_OVER = frozenset({"cache_dir", "checkpoint", "precision", "model_memory_gb"})
SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "repetition_penalty",
        "max_new_tokens",
        "chunk_length",
        "iterative_prompt",
    }
)


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that an option may be, and what it does."""

    low: float
    high: float
    default: float
    does: str


RANGES: Mapping[str, Range] = {
    "blend": Range(0.0, 0.9, 0.7, "how far each sound is drawn towards the reference's own; 0: stock sounds"),
    "pace": Range(0.5, 2.0, 1.0, "speaking rate, times the reference's"),
    "pitch": Range(-12.0, 12.0, 0.0, "semitones above the reference's"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one take, all of them good."""

    blend: float
    pace: float
    pitch: float


def check_options(options: Mapping[str, object]) -> list[str]:
    """All faults, each naming its key, what it was and what it may be."""
    return [fault for key, value in options.items() if (fault := _fault(key, value))]


def read_options(*layers: Mapping[str, object]) -> Options:
    """The options of these layers, the later over the earlier; raises BadOption."""
    merged = {key: value for layer in layers for key, value in layer.items()}
    if faults := check_options(merged):
        raise BadOption("; ".join(faults))
    return Options(**{key: float(str(merged.get(key, range_.default))) for key, range_ in RANGES.items()})


def _fault(key: str, value: object) -> str | None:
    if key in PASSED_OVER or key in SAMPLING:
        return None
    if key not in RANGES:
        return f"{key}: the preview engine has no such option; it takes {', '.join(RANGES)}"
    range_ = RANGES[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{key}: is {value!r}, must be a number from {range_.low:g} to {range_.high:g} ({range_.does})"
    if not range_.low <= value <= range_.high:
        return f"{key}: is {value:g}, must be from {range_.low:g} to {range_.high:g} ({range_.does})"
    return None
