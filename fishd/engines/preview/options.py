"""The options of the preview engine, from `[engine] options` and a job's `[engine_options]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fishd.engines.protocol import BadOption
from fishd.toml.rules import Rule, number
from fishd.toml.table import read_table

# Accepted and unused: what the worker adds, and the options of sampling engines. A job that is meant for a
# cloning engine can be previewed unchanged.
UNUSED = frozenset({"cache_dir", "checkpoint", "precision", "model_memory_gb"}) | {
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "max_new_tokens",
    "chunk_length",
    "iterative_prompt",
}
RULES: Mapping[str, Rule[float]] = {
    "blend": number(least=0, most=0.9, note="how far each sound moves towards the reference's own"),
    "pace": number(least=0.5, most=2, note="speaking rate, times the reference's"),
    "pitch": number(least=-12, most=12, note="semitones above the reference's"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one take, all of them good."""

    blend: float = 0.7
    pace: float = 1.0
    pitch: float = 0.0


def check_options(options: Mapping[str, object]) -> list[str]:
    """Every fault, each with its key, the value and what it must be."""
    own = {key: value for key, value in options.items() if key not in UNUSED}
    return read_table(own, RULES, "an option of the preview engine")[1]


def read_options(*layers: Mapping[str, object]) -> Options:
    """The options of these layers, the later over the earlier; raises BadOption."""
    merged = {key: value for layer in layers for key, value in layer.items()}
    if faults := check_options(merged):
        raise BadOption("; ".join(faults))
    return Options(**{key: RULES[key].keep(merged[key]) for key in RULES if key in merged})
