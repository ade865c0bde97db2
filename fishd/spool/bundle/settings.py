"""How bundles are read: the parts of the configuration that matter to the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.config.config import Config
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.model.limits import Limits
from fishd.core.quality.settings import QualitySettings


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """`voices` is the voice library's folder, `default_voice` speaks what names nobody in a lone script."""

    limits: Limits = field(default_factory=Limits)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    pronounce: Mapping[str, str] = field(default_factory=dict[str, str])
    voices: Path | None = None
    default_voice: str = ""

    @classmethod
    def of(cls, config: Config) -> BundleSettings:
        return cls(
            limits=config.limits,
            delivery=config.output.delivery,
            quality=config.quality,
            pronounce=config.pronounce,
            voices=config.voices.root.resolve(),
            default_voice=config.voices.default,
        )
