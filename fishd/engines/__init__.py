"""Engines turn text into speech inside a worker process; see protocol.py for what an engine is."""

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
