"""From the engine's name to a loaded engine."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from fishd.engines.protocol import Engine, EngineError
from fishd.wire.messages import Load


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine with the checks that its module offers."""

    engine: Engine
    module: str
    device: str
    check_options: Callable[[Mapping[str, object]], Sequence[str]]
    check_language: Callable[[str], str | None]


def load_engine(load: Load) -> Loaded:
    """Import the module, call its factory. Raises EngineError when there is no such thing."""
    module_name, _, factory_name = load.engine.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise EngineError(f"engine {load.engine!r}: {error}; is its package installed?") from error
    factory = getattr(module, factory_name or "factory", None)
    if not callable(factory):
        raise EngineError(f"engine {load.engine!r}: {module_name} has no callable {factory_name!r}")
    engine = cast("Engine", factory(load.device, load.options))
    return Loaded(
        engine=engine,
        module=module_name,
        device=load.device,
        check_options=getattr(module, "check_options", _takes_no_options),
        check_language=getattr(module, "check_language", _takes_every_language),
    )


def _takes_no_options(options: Mapping[str, object]) -> list[str]:
    return [f"{key}: this engine takes no options" for key in options]


def _takes_every_language(_language: str) -> None:
    return None
