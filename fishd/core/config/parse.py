"""From the text of a config.toml to a Config, or to all its faults with their lines.

Pure: the text, its path and the environment are passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path, PurePath
from typing import Any, get_type_hints

from fishd.core.config.config import BadConfig, Config
from fishd.core.config.keys import FREE_SECTIONS, RULES
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.model.job import Fault
from fishd.toml.display import Place, dotted
from fishd.toml.lines import key_lines, line_of
from fishd.toml.parse import BadToml, parse
from fishd.toml.table import Faults, homes_of, read_sections, unknown_key

_PATHS = (
    ("spool", "root"),
    ("voices", "root"),
    ("engine", "checkpoint"),
    ("quality", "recogniser"),
    ("log", "file"),
    ("metrics", "textfile"),
)
_VARIABLES = {
    "FISH_MULTIPROCESS_MODE": ("pool", "multiprocess"),
    "FISH_MODEL_MEMORY_GB": ("pool", "model_memory_gb"),
}

_Values = dict[str, dict[str, Any]]  # by section and key


def parse_config(text: str, path: str, environ: Mapping[str, str]) -> Config:
    """The configuration of `text`, read from `path`, with the environment's overrides; raises BadConfig."""
    try:
        tree = parse(text)
    except BadToml as error:
        raise BadConfig((Fault(path + error.at, str(error)),)) from error
    found: Faults = []
    values = read_sections(tree, RULES, found, FREE_SECTIONS)
    wrong_variables = tuple(_override(values, environ))
    if found or wrong_variables:
        raise BadConfig((*located(found, text, path), *wrong_variables))
    config = _build(values, path, environ)
    if contradictions := list(_contradictions(config)):
        raise BadConfig(located(contradictions, text, path))
    return config


def located(found: Faults, text: str, path: str) -> tuple[Fault, ...]:
    """Faults of keys with their lines in `text`, which was read from `path`, in the file's order."""
    lines = key_lines(text)
    numbered = sorted(((line_of(place, lines) or 0, place, what) for place, what in found), key=itemgetter(0))
    return tuple(
        Fault(f"{path}:{line}: {dotted(place)}" if line else f"{path}: {dotted(place)}", what)
        for line, place, what in numbered
    )


def _override(values: _Values, environ: Mapping[str, str]) -> Iterator[Fault]:
    """Replace the file's values by those of variables; yields the faults of bad variables."""
    # The FISH_ names come last, so that they win over FISHD_POOL_MULTIPROCESS and the like.
    for variable in sorted(environ, key=lambda name: (name in _VARIABLES, name)):
        section, key = _VARIABLES.get(variable) or _split_variable(variable)
        if section not in RULES or not key:
            continue
        rule, text = RULES[section].get(key), environ[variable]
        if rule is None:
            home = homes_of(RULES).get(key, "")
            yield Fault(variable, unknown_key(key, RULES[section], home=home))
        elif rule.from_text is None:
            yield Fault(variable, f"cannot be set by a variable; set {section}.{key} in the file")
        elif text or rule.from_text is str:  # an empty variable counts as unset, except for a string
            try:
                values[section][key] = rule.keep(rule.from_text(text))
            except ValueError as error:
                yield Fault(variable, str(error))


def _split_variable(name: str) -> tuple[str, str]:
    """`FISHD_POOL_MAX_TAKES` -> ("pool", "max_takes"); ("", "") for any other variable."""
    split = re.fullmatch(r"FISHD_([A-Z]+)_([A-Z0-9_]+)", name)
    return (split[1].lower(), split[2].lower()) if split else ("", "")


def _contradictions(config: Config) -> Iterator[tuple[Place, str]]:
    """Faults of keys that are valid by themselves but contradict each other."""
    spool, limits = config.spool, config.limits
    if config.engine.name == "fish" and config.engine.checkpoint is None:
        what = "is empty; the fish engine needs the folder with config.json, model.pth and codec.pth"
        yield ("engine", "checkpoint"), what
    if config.pool.backend == "ray" and config.engine.name == "openai":
        what = 'is "ray", but with engine.name = "openai" a server speaks; must be "local"'
        yield ("pool", "backend"), what
    if config.quality.listens and config.quality.recogniser is None:
        what = 'is empty; quality.check = "listen" needs the folder of a faster-whisper model'
        yield ("quality", "recogniser"), what
    if spool.settle_timeout_s < spool.settle_s:
        what = f"is {spool.settle_timeout_s:g}; must not be below spool.settle_s, {spool.settle_s:g}"
        yield ("spool", "settle_timeout_s"), what
    if limits.min_reference_s > limits.max_reference_s:
        most = f"{limits.max_reference_s:g}"
        what = f"is {limits.min_reference_s:g}; must not be above limits.max_reference_s, {most}"
        yield ("limits", "min_reference_s"), what


def _build(values: _Values, path: str, environ: Mapping[str, str]) -> Config:
    values["spool"].setdefault("root", "spool")
    values["voices"].setdefault("root", "voices")
    for section, key in _PATHS:
        if key in values[section]:
            values[section][key] = _full_path(values[section][key], path, environ)
    pronounce, output = values.pop("pronounce"), values["output"]
    reuse = {"reuse": output.pop("reuse")} if "reuse" in output else {}
    values["output"] = {"delivery": DeliverySettings().with_values(output), **reuse}
    types = get_type_hints(Config)
    sections = {section: types[section](**kept) for section, kept in values.items()}
    return Config(Path(path), pronounce=pronounce, **sections)


def _full_path(path: str, config_path: str, environ: Mapping[str, str]) -> Path | None:
    """Relative to the file; `~` is the user's home; None for ""."""
    if not path:
        return None
    if path == "~" or path.startswith("~/"):
        path = environ.get("HOME", "~") + path[1:]
    return Path(PurePath(config_path).parent / path)
