"""The options of the fish engine and their checks. Does not import torch.

Two sets: the engine's own options, fixed when it is loaded (`[engine] options` and what the worker adds),
and a job's `[engine_options]`, which may differ from take to take within one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fishd.engines.protocol import BadOption
from fishd.toml.rules import Rule, number, one_of, text, whole, yes_no
from fishd.toml.table import read_table

PRECISIONS = ("bfloat16", "float16", "float32")
KERNELS = ("auto", "triton", "plain")

# The languages that the model was trained on, from its card: https://huggingface.co/fishaudio/openaudio-s1-mini
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a take's tokens are sampled; the defaults are those of the package's `generate_long`."""

    temperature: float = 0.8
    top_p: float = 0.8
    repetition_penalty: float = 1.1


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the engine is loaded. 0 `slots` or `slot_tokens`: as many as the device and the budget allow.

    `upstream_quirks` reproduces the package's own decoding, faults included (see docs/adr). On a GPU, frames
    are recorded as CUDA graphs unless `cuda_graphs` is off; `kernels` selects what runs their small steps.
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


# The package asserts the same bounds: temperature and penalty below 2, top_p at most 1.
SAMPLING_RULES: Mapping[str, Rule[object]] = {
    "temperature": number(above=0, most=1.99),
    "top_p": number(above=0, most=1),
    "repetition_penalty": number(above=0, most=1.99),
}
ENGINE_RULES: Mapping[str, Rule[object]] = {
    "checkpoint": text(),
    "precision": one_of(*PRECISIONS),
    "codec_precision": one_of(*PRECISIONS),
    "model_memory_gb": number("GB", above=0, most=100_000),
    "cache_dir": text(),
    "slots": whole(least=0, most=4096),
    "slot_tokens": whole(least=0, most=1_000_000),
    "upstream_quirks": yes_no(),
    "cuda_graphs": yes_no(),
    "kernels": one_of(*KERNELS),
}
_NOUN = "an option of the fish engine"


def check_options(options: Mapping[str, object]) -> list[str]:
    """Every fault of a job's `[engine_options]`, each with its key."""
    return read_table(options, SAMPLING_RULES, _NOUN)[1]


def check_language(language: str) -> str | None:
    """A fault if the model was not trained on this language ("en", "en-GB", …)."""
    primary = language.replace("_", "-").split("-")[0].lower()
    if primary in LANGUAGES:
        return None
    return f"the fish engine does not speak {language!r}; it speaks {', '.join(LANGUAGES)}"


def sampling(options: Mapping[str, object], defaults: Sampling) -> Sampling:
    """A take's sampling; its options were checked when its job was read."""
    return replace(defaults, **{name: options[name] for name in SAMPLING_RULES if name in options})


def engine_options(options: Mapping[str, object]) -> tuple[EngineOptions, Sampling]:
    """The engine's options, and the sampling of takes that set none of their own.

    Raises BadOption with every fault.
    """
    kept, faults = read_table(options, {**ENGINE_RULES, **SAMPLING_RULES}, _NOUN)
    if faults:
        raise BadOption("[engine] options: " + "; ".join(faults))
    own = {name: value for name, value in kept.items() if name in ENGINE_RULES}
    return EngineOptions(**own), sampling(kept, Sampling())
