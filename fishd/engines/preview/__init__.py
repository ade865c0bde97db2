"""The preview engine: speech on any CPU at once, in a stock voice shaped towards the reference. Not a clone.

The worker calls `factory`, `check_options` and `check_language`. From outside this package it may import only
the protocol and fishd.toml, and numpy and the models only inside `factory`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fishd.engines.preview.languages import check_language
from fishd.engines.preview.options import check_options
from fishd.engines.protocol import EngineError

if TYPE_CHECKING:
    from fishd.engines.preview.engine import PreviewEngine

__all__ = ["check_language", "check_options", "factory"]

REQUIRED = ("numpy", "scipy", "soundfile", "soxr", "onnxruntime", "hibari", "pyworld")


def factory(
    device: str,  # noqa: ARG001 - always the CPU
    options: Mapping[str, object],
) -> PreviewEngine:
    """Load the engine. It runs on the CPU, one take at a time, whatever `device` says.

    `options` are those of `check_options` and `cache_dir`, a folder for voice profiles; absent or "", they
    are cached in memory only. Raises EngineError for an invalid option or a missing package.
    """
    if faults := check_options(options):
        raise EngineError("preview: " + "; ".join(faults))
    if missing := [name for name in REQUIRED if importlib.util.find_spec(name) is None]:
        raise EngineError(f"preview: {', '.join(missing)} cannot be imported; install fishd again")
    from fishd.engines.preview.engine import PreviewEngine  # heavy: numpy, onnxruntime

    return PreviewEngine(options)
