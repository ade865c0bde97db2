"""The openai engine: speech by a server that already runs, OpenAI-style or fish-speech's own.

The worker calls `factory`, `check_options` and `check_language`. From outside this package it may import only
the protocol and fishd.toml, and numpy and httpx2 only inside `factory`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fishd.engines.openai.options import check_options, read_settings
from fishd.engines.protocol import EngineError

if TYPE_CHECKING:
    from fishd.engines.openai.engine import OpenAIEngine

__all__ = ["check_language", "check_options", "factory"]


def factory(
    device: str,  # noqa: ARG001 - always the CPU
    options: Mapping[str, object],
) -> OpenAIEngine:
    """Check the server and return its engine, with room for `concurrency` takes.

    Raises BadOption for an invalid option, and EngineError for a server that cannot be used.
    """
    settings = read_settings(options)
    if importlib.util.find_spec("httpx2") is None:
        raise EngineError("httpx2 cannot be imported; install it: pip install 'fishd[server]'")
    from fishd.engines.openai.engine import load_engine

    return load_engine(settings)


def check_language(language: str) -> str | None:  # noqa: ARG001 - the server's model knows, we do not
    """Every language: the model recognises it from the text, and only the server knows which it speaks."""
    return None
