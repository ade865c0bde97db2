"""What a user may set for this engine, and whether it is good. No torch in here.

Two sets: the engine's own options, fixed when it is loaded (`[engine] options` and what the worker adds),
and a job's `[engine_options]`, which may differ from take to take within one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from fishd.engines.protocol import BadOption

PRECISIONS = ("bfloat16", "float16", "float32")
KERNELS = ("auto", "triton", "plain")

# What the model's card says it was trained on: https://huggingface.co/fishaudio/openaudio-s1-mini
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a take's tokens are drawn; the defaults are those of the package's `generate_long`."""

    temperature: float = 0.8
    top_p: float = 0.8
    repetition_penalty: float = 1.1


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the engine is loaded. `slots` and `slot_tokens` of 0 mean: as the device and the budget allow.

    `upstream_quirks` reproduces the package's own decoding, faults included (see docs/adr). On a GPU, frames
    are recorded as CUDA graphs unless `cuda_graphs` is off, and `kernels` says whose small steps they take.
    """

    checkpoint: str = ""
    precision: str = "bfloat16"
    codec_precision: str = "float32"
    model_memory_gb: float = 8.0
    cache_dir: str = ""
    slots: int = 0
    slot_tokens: int = 0
    upstream_quirks: bool = False
    cuda_graphs: bool = True
    kernels: str = "auto"


Check = Callable[[object], str]  # what is wrong with a value, "" for nothing


def number(low: float, high: float) -> Check:
    """A number above `low` and up to `high`."""

    def check(value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {value!r}"
        return "" if low < value <= high else f"must be above {low:g} and at most {high:g}, not {value!r}"

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""

    def check(value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return f"must be a whole number from {low} to {high}, not {value!r}"
        return ""

    return check


def one_of(*choices: str) -> Check:
    """One of some words."""
    return lambda value: "" if value in choices else f"must be one of {', '.join(choices)}, not {value!r}"


def text(value: object) -> str:
    return "" if isinstance(value, str) else f"must be a text, not {value!r}"


def yes_or_no(value: object) -> str:
    return "" if isinstance(value, bool) else f"must be true or false, not {value!r}"


# The package asserts the same bounds: temperature and penalty below 2, top_p at most 1.
SAMPLING_CHECKS: Mapping[str, Check] = {
    "temperature": number(0.0, 1.99),
    "top_p": number(0.0, 1.0),
    "repetition_penalty": number(0.0, 1.99),
}
ENGINE_CHECKS: Mapping[str, Check] = {
    "checkpoint": text,
    "precision": one_of(*PRECISIONS),
    "codec_precision": one_of(*PRECISIONS),
    "model_memory_gb": number(0.0, 100_000.0),
    "cache_dir": text,
    "slots": whole(0, 4096),
    "slot_tokens": whole(0, 1_000_000),
    "upstream_quirks": yes_or_no,
    "cuda_graphs": yes_or_no,
    "kernels": one_of(*KERNELS),
}


def check_options(options: Mapping[str, object]) -> list[str]:
    """All faults of a job's `[engine_options]`, each naming its key."""
    return _faults(options, SAMPLING_CHECKS)


def check_language(language: str) -> str | None:
    """A fault, if the model was not trained on this language ("en", "en-GB", …)."""
    primary = language.replace("_", "-").split("-")[0].lower()
    if primary in LANGUAGES:
        return None
    return f"the fish engine does not speak {language!r}; it speaks {', '.join(LANGUAGES)}"


def sampling(options: Mapping[str, object], defaults: Sampling) -> Sampling:
    """A take's sampling; the options were checked when its job was read."""
    known = {f.name: options.get(f.name, getattr(defaults, f.name)) for f in fields(Sampling)}
    return Sampling(**known)  # type: ignore[arg-type]  # checked by check_options


def engine_options(options: Mapping[str, object]) -> tuple[EngineOptions, Sampling]:
    """The engine's options, and the sampling that holds for takes which set none of their own.

    Raises BadOption with every fault.
    """
    if faults := _faults(options, {**ENGINE_CHECKS, **SAMPLING_CHECKS}):
        raise BadOption("[engine] options: " + "; ".join(faults))
    own = {name: value for name, value in options.items() if name in ENGINE_CHECKS}
    return EngineOptions(**own), sampling(options, Sampling())  # type: ignore[arg-type]  # checked above


def _faults(options: Mapping[str, object], checks: Mapping[str, Check]) -> list[str]:
    faults: list[str] = []
    for name, value in options.items():
        if name not in checks:
            faults.append(f"{name}: is not an option of the fish engine, which takes {', '.join(checks)}")
        elif fault := checks[name](value):
            faults.append(f"{name}: {fault}")
    return faults
