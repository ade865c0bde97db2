"""Preview: speech on any CPU at once, in a stock voice shaped towards the reference. It is not a clone.

This module answers what may be asked before the engine is loaded, and loads it. It imports nothing heavy.
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

NEEDED = ("numpy", "scipy", "soundfile", "soxr", "onnxruntime", "hibari", "pyworld")


def factory(
    device: str,  # noqa: ARG001 - the CPU, always
    options: Mapping[str, object],
) -> PreviewEngine:
    """Load the engine. It runs on the CPU, one take at a time, whatever `device` says.

    Of `options`, `cache_dir` (a folder for what is learned of voices; absent or "": kept in memory only)
    and those of `check_options` are used; `EngineError` says what is wrong with them or missing here.
    """
    if faults := check_options(options):
        raise EngineError("preview: " + "; ".join(faults))
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise EngineError(f"preview: {', '.join(missing)} cannot be imported; install fishd again")
    from fishd.engines.preview.engine import PreviewEngine  # heavy: numpy, onnxruntime

    return PreviewEngine(options)
