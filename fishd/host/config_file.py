"""Finds config.toml and reads it. `fishd.core.config.parse` interprets its text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fishd.core.config.config import BadConfig, Config
from fishd.core.config.parse import located, parse_config
from fishd.core.model.job import Fault
from fishd.host.recogniser import listening_faults
from fishd.toml.table import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PATH = Path("config.toml")
SERVICE_PATH = Path("/etc/fishd/config.toml")  # commands find the system's service from any folder


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration in `path`; for None that in ./config.toml, else the service's, else the defaults.

    Raises BadConfig, also for a `path` that does not exist, and for a recogniser that cannot be used.
    """
    source = path or next((p for p in (DEFAULT_PATH, SERVICE_PATH) if os.access(p, os.F_OK)), DEFAULT_PATH)
    try:
        text = source.read_bytes().decode("utf-8-sig")  # some editors write a byte order mark
    except FileNotFoundError as error:
        if path is None:
            return parse_config("", str(source), environ)
        raise _bad(source, "is not there; `fishd init` writes one with every key explained") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _bad(f"{source}:{line}", "is not UTF-8 text; save the file as UTF-8") from error
    except OSError as error:
        raise _bad(source, f"cannot be read: {error.strerror}") from error
    config = parse_config(text, str(source), environ)
    faults: Faults = [(("quality", key), what) for key, what in listening_faults(config.quality)]
    if faults:
        raise BadConfig(located(faults, text, str(source)))
    return config


def commented_defaults() -> str:
    """The config.toml that `fishd init` writes: every key at its default, with comments."""
    return Path(__file__).with_name("config.toml").read_text("utf-8")


def _bad(where: object, what: str) -> BadConfig:
    return BadConfig((Fault(str(where), what),))
