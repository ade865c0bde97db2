"""Engines turn text into speech inside a worker process; protocol.py defines what an engine is.

The worker loads one engine and calls it. Nothing here may import the daemon's code, and the daemon never
imports an engine.
"""

from fishd.engines.protocol import (
    BadClip,
    BadOption,
    Engine,
    EngineError,
    Failed,
    OutOfMemory,
    Spoken,
    Take,
    Voice,
)

__all__ = [
    "BadClip",
    "BadOption",
    "Engine",
    "EngineError",
    "Failed",
    "OutOfMemory",
    "Spoken",
    "Take",
    "Voice",
]
