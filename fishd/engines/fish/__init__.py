"""The fish-speech engine: many takes at once on one copy of an OpenAudio S1-mini checkpoint.

The worker calls `factory`, `check_options` and `check_language`. From outside this package it may import only
the protocol and fishd.toml, and torch only inside `factory`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fishd.engines.fish.options import check_language, check_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fishd.engines.protocol import Engine

__all__ = ["check_language", "check_options", "factory"]


def factory(device: str, options: Mapping[str, object]) -> Engine:
    """Load the checkpoint named by the options and return its engine.

    Raises EngineError for a checkpoint that cannot be used, BadOption for an invalid option, and OutOfMemory
    when not even one take fits `model_memory_gb`.
    """
    from fishd.engines.fish.load import load_engine

    return load_engine(device, options)
