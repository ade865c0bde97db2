"""The no-op engine, which loads only when the file of its option `load_gate` exists."""

import time
from collections.abc import Mapping
from pathlib import Path

from tests.engines.noop import NoopEngine, check_language, check_options
from tests.engines.noop import factory as noop

__all__ = ["check_language", "check_options", "factory"]


def factory(device: str, options: Mapping[str, object]) -> NoopEngine:
    gate = Path(str(options["load_gate"]))
    while not gate.exists():
        time.sleep(0.02)
    return noop(device, {key: value for key, value in options.items() if key != "load_gate"})
