"""Load an engine by its name, and find the checks that its module offers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from fishd.engines.protocol import Engine, EngineError
from fishd.wire.messages import CheckOptions, Load, OptionsChecked


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of options and languages that an engine's module offers."""

    check_options: Callable[[Mapping[str, object]], Sequence[str]]
    check_language: Callable[[str], str | None]

    def answer(self, request: CheckOptions) -> OptionsChecked:
        """All faults, each naming its key or its language."""
        faults = [f"engine_options.{fault}" for fault in self.check_options(request.options)]
        for language in request.languages:
            fault = self.check_language(language)
            if fault:
                is_named = f'"{language}"' in fault or f"'{language}'" in fault
                faults.append(fault if is_named else f'language "{language}": {fault}')
        return OptionsChecked(request.id, tuple(faults))


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine with the checks that its module offers."""

    engine: Engine
    module: str
    device: str
    checks: Checks


def load_engine(load: Load) -> Loaded:
    """Import the module and call its factory. Raises EngineError, and what the factory raises."""
    module = _module_of(load.engine)
    factory_name = load.engine.partition(":")[2] or "factory"
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise EngineError(f"engine {load.engine!r}: {module.__name__} has no callable {factory_name!r}")
    engine = cast("Engine", factory(load.device, load.options))
    return Loaded(engine, module.__name__, load.device, _checks_of(module))


def check_options(question: CheckOptions) -> OptionsChecked:
    """The answer of the engine that the question names, which is imported but not loaded."""
    try:
        return _checks_of(_module_of(question.engine)).answer(question)
    except (ImportError, EngineError) as error:
        return OptionsChecked(question.id, (str(error),))


def _module_of(engine: str) -> ModuleType:
    try:
        return importlib.import_module(engine.partition(":")[0])
    except ModuleNotFoundError as error:
        raise EngineError(f"engine {engine!r}: {error}; is its package installed?") from error


def _checks_of(module: ModuleType) -> Checks:
    return Checks(
        getattr(module, "check_options", _accept_no_options),
        getattr(module, "check_language", _accept_every_language),
    )


def _accept_no_options(options: Mapping[str, object]) -> list[str]:
    return [f"{key}: this engine takes no options" for key in options]


def _accept_every_language(_language: str) -> None:
    return None
