"""The configuration, one frozen dataclass a section, with the default of every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fishd.core.delivery.settings import DeliverySettings
from fishd.core.model.hashes import fingerprint
from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.core.quality.settings import QualitySettings

_ENGINES = {name: f"fishd.engines.{name}:factory" for name in ("fish", "preview", "openai")}


class BadConfig(Exception):  # noqa: N818 - whose fault it is
    """The user's configuration is invalid; `faults` are all its faults, in the file's order."""

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
    backend: Literal["local", "ray"] = "local"
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
class RayConfig:
    address: str = "auto"


@dataclass(frozen=True, slots=True)
class EngineConfig:
    name: str = "auto"
    checkpoint: Path | None = None
    precision: str = "bfloat16"
    options: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """The keys of DeliverySettings, where the defaults are, and `reuse`."""

    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    reuse: bool = True


@dataclass(frozen=True, slots=True)
class VoicesConfig:
    root: Path = Path("voices")
    default: str = ""


@dataclass(frozen=True, slots=True)
class HooksConfig:
    published: tuple[str, ...] = ()


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
    """The whole configuration. `source` is its file, which need not exist."""

    source: Path = Path("config.toml")
    spool: SpoolConfig = field(default_factory=SpoolConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    quality: QualitySettings = field(default_factory=QualitySettings)
    voices: VoicesConfig = field(default_factory=VoicesConfig)
    pronounce: Mapping[str, str] = field(default_factory=dict[str, str])
    hooks: HooksConfig = field(default_factory=HooksConfig)
    log: LogConfig = field(default_factory=LogConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    limits: Limits = field(default_factory=Limits)


def resolve_engine(config: Config) -> tuple[str, str]:
    """The engine's name, with "auto" resolved, and its factory as `module:function`."""
    name = _engine_name(config.engine)
    return name, _ENGINES.get(name, name)


def engine_key(engine: EngineConfig) -> str:
    """A hash of everything in the configuration that affects how a take sounds."""
    name = _engine_name(engine)
    return fingerprint((name, str(engine.checkpoint or ""), engine.precision, dict(engine.options)))


def _engine_name(engine: EngineConfig) -> str:
    if engine.name == "auto":
        return "fish" if engine.checkpoint else "preview"
    return engine.name
