"""config.toml: from text to a Config, or to all that is wrong with it and where.

Pure: the text, its path and the environment come in; reading the file is `host/config_file.py`'s. Every
key stands in `config_keys.py` with what it must be; its default stands in its section's dataclass.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, cast

from fishd.core.config import rules as schema
from fishd.core.config.keys import RULES
from fishd.core.config.messages import place, syntax_fault, unknown_key, unknown_section
from fishd.core.model.hashes import fingerprint
from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENGINES = {"fish": "fishd.engines.fish:factory", "preview": "fishd.engines.preview:factory"}


class BadConfig(Exception):  # noqa: N818 - whose fault it is, not that it is one
    """The user's configuration is wrong; `faults` are all that is wrong with it, in the file's order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class SpoolConfig:
    root: Path = Path("spool")
    settle_s: float = 2.0
    settle_timeout_s: float = 300.0
    rescan_s: float = 30.0
    archive_days: int = 30


@dataclass(frozen=True, slots=True)
class PoolConfig:
    multiprocess: bool | Literal["auto"] = "auto"
    model_memory_gb: float = 8.0
    usable_fraction: float = 0.9
    workers_per_gpu: Mapping[int, int] = field(default_factory=dict[int, int])
    cpu_workers: int | Literal["auto"] = "auto"
    take_timeout_s: float = 600.0
    max_takes: int = 3
    drain_s: float = 60.0
    start_timeout_s: float = 600.0
    cpu_memory_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineConfig:
    name: str = "auto"
    checkpoint: Path | None = None
    precision: str = "bfloat16"
    options: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class OutputConfig:
    format: str = "wav"
    reuse: bool = True


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: str = "info"
    file: Path | None = None
    color: str = "auto"
    format: str = "rich"


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    textfile: Path | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `source` is the file that it came from, or would come from."""

    source: Path = Path("config.toml")
    spool: SpoolConfig = field(default_factory=SpoolConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    log: LogConfig = field(default_factory=LogConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    limits: Limits = field(default_factory=Limits)


def parse_config(text: str, path: str, environ: Mapping[str, str]) -> Config:
    """The configuration that `text`, read from `path`, and the environment give; raises BadConfig."""
    try:
        found = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        raise BadConfig((syntax_fault(error, text, path),)) from error
    lines = schema.key_lines(text)
    kept, faults = _check_file(found, path, lines)
    overrides, wrong_variables = _check_environ(environ)
    for section, key, value in overrides:
        kept[section][key] = value
    faults.sort(key=lambda fault: fault[0])
    if faults or wrong_variables:
        raise BadConfig((*(fault for _, fault in faults), *wrong_variables))
    config = _build(kept, path, environ)
    if faults_between := tuple(_check_between(config, path, lines)):
        raise BadConfig(faults_between)
    return config


def resolve_engine(config: Config) -> tuple[str, str]:
    """The engine's name as people say it, and its factory as `module:function`."""
    name = resolve_engine_name(config.engine)
    return name, _ENGINES.get(name, name)


def resolve_engine_name(engine: EngineConfig) -> str:
    """The engine's name, with "auto" decided."""
    if engine.name == "auto":
        return "fish" if engine.checkpoint else "preview"
    return engine.name


def engine_key(engine: EngineConfig) -> str:
    """The fingerprint of all in the configuration that decides how a take sounds."""
    name = resolve_engine_name(engine)
    return fingerprint((name, str(engine.checkpoint or ""), engine.precision, dict(engine.options)))


_SECTIONS: dict[str, type] = {
    "spool": SpoolConfig,
    "pool": PoolConfig,
    "engine": EngineConfig,
    "output": OutputConfig,
    "log": LogConfig,
    "metrics": MetricsConfig,
    "limits": Limits,
}
_PATHS = (("spool", "root"), ("engine", "checkpoint"), ("log", "file"), ("metrics", "textfile"))
_VARIABLES = {
    "FISH_MULTIPROCESS_MODE": ("pool", "multiprocess"),
    "FISH_MODEL_MEMORY_GB": ("pool", "model_memory_gb"),
}


_Kept = dict[str, dict[str, Any]]
_Found = list[tuple[int, Fault]]  # faults with their line, which is their order


def _check_file(
    found: dict[str, Any], path: str, lines: Mapping[tuple[str, ...], int]
) -> tuple[_Kept, _Found]:
    """The good values of a parsed file by section and key, and the faults of the others."""
    kept: _Kept = {section: {} for section in RULES}
    faults: _Found = []

    def refuse(key: tuple[str, ...], what: str) -> None:
        where = place(path, key, lines)
        faults.append((schema.line_of(key, lines) or 0, Fault(where, what)))

    for section, values in found.items():
        if section not in RULES:
            refuse((section,), unknown_section(section, values))
        elif not isinstance(values, dict):
            refuse((section,), f"is {schema.shown(values)}; must be a section, written [{section}]")
        else:
            for key, value in cast("dict[str, object]", values).items():
                rule = RULES[section].get(key)
                if rule is None:
                    refuse((section, key), unknown_key(section, key))
                    continue
                try:
                    kept[section][key] = rule.keep(value)
                except ValueError:
                    refuse((section, key), rule.refusal(value))
    return kept, faults


def _check_environ(environ: Mapping[str, str]) -> tuple[list[tuple[str, str, object]], list[Fault]]:
    """What the variables override, as (section, key, value), and the faults of the bad ones."""
    kept: list[tuple[str, str, object]] = []
    faults: list[Fault] = []
    # The FISH_ names come last, so that they win over FISHD_POOL_MULTIPROCESS and the like.
    for variable in sorted(environ, key=lambda name: (name in _VARIABLES, name)):
        section, key = _VARIABLES.get(variable) or _split_variable(variable)
        if section not in RULES or not key:
            continue
        rule, said = RULES[section].get(key), environ[variable]
        if rule is None:
            faults.append(Fault(variable, unknown_key(section, key, prefix=f"FISHD_{section.upper()}_")))
        elif rule.from_text is None:
            faults.append(Fault(variable, f"cannot stand in a variable; set {section}.{key} in the file"))
        elif said or rule.from_text is str:  # an empty variable is an unset one, but for a text
            try:
                kept.append((section, key, rule.keep(rule.from_text(said))))
            except ValueError:
                faults.append(Fault(variable, rule.refusal(said)))
    return kept, faults


def _check_between(config: Config, path: str, lines: Mapping[tuple[str, ...], int]) -> Iterator[Fault]:
    """What no key shows alone."""
    spool, limits = config.spool, config.limits
    if config.engine.name == "fish" and config.engine.checkpoint is None:
        what = "is empty; the fish engine needs the folder with config.json, model.pth and codec.pth"
        yield Fault(place(path, ("engine", "checkpoint"), lines), what)
    if spool.settle_timeout_s < spool.settle_s:
        what = f"is {spool.settle_timeout_s:g}; must not be below spool.settle_s, {spool.settle_s:g}"
        yield Fault(place(path, ("spool", "settle_timeout_s"), lines), what)
    if limits.min_reference_s > limits.max_reference_s:
        most = f"{limits.max_reference_s:g}"
        what = f"is {limits.min_reference_s:g}; must not be above limits.max_reference_s, {most}"
        yield Fault(place(path, ("limits", "min_reference_s"), lines), what)


def _build(kept: _Kept, path: str, environ: Mapping[str, str]) -> Config:
    for section, key in _PATHS:
        if key in kept[section]:
            kept[section][key] = _full_path(str(kept[section][key]), path, environ)
    if "root" not in kept["spool"]:
        kept["spool"]["root"] = _full_path("spool", path, environ)
    sections = {section: made(**kept[section]) for section, made in _SECTIONS.items()}
    return Config(source=Path(path), **sections)


def _full_path(said: str, config_path: str, environ: Mapping[str, str]) -> Path | None:
    """Relative to the file; `~` is the user's home."""
    if not said:
        return None
    if said == "~" or said.startswith("~/"):
        said = environ.get("HOME", "~") + said[1:]
    return Path(PurePath(config_path).parent / said)


def _split_variable(name: str) -> tuple[str, str]:
    """`FISHD_POOL_MAX_TAKES` -> ("pool", "max_takes"); ("", "") for another's variable."""
    split = re.fullmatch(r"FISHD_([A-Z]+)_([A-Z0-9_]+)", name)
    return (split[1].lower(), split[2].lower()) if split else ("", "")
