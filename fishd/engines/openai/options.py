"""The options of the openai engine and their checks. Does not import httpx2.

Two sets: where the server is, only from the configuration, as a bundle must not send the key elsewhere; and
how it samples, also from a job's `[engine_options]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from fishd.engines.protocol import BadOption
from fishd.toml.display import value as display
from fishd.toml.rules import Rule, any_table, number, one_of, text, whole
from fishd.toml.table import read_table

ADDED_BY_WORKER = frozenset({"cache_dir", "checkpoint", "precision", "model_memory_gb"})  # unused here
RESERVED = frozenset(  # of a request: fishd's to set
    {"format", "input", "model", "ref_audio", "ref_text", "reference_id", "references", "response_format"}
) | {"seed", "stream", "stream_format", "streaming", "text"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The engine's settings; `root` is the address without a trailing `/v1`.

    One request takes at most `timeout_s`; a take is not tried again when `retry_s` have passed since its
    first request. `sampling` and `extra` are fields of every request.
    """

    root: str
    api: str = "openai"
    model: str = ""
    api_key_file: str = ""
    concurrency: int = 8
    timeout_s: float = 300.0
    retry_s: float = 60.0
    sample_rate: int = 44_100
    sampling: Mapping[str, object] = field(default_factory=dict[str, object])
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


SAMPLING_RULES: Mapping[str, Rule[object]] = {
    "temperature": number(above=0, most=2),
    "top_p": number(above=0, most=1),
    "top_k": whole(least=-1, most=1_000_000),
    "repetition_penalty": number(above=0, most=2),
}
SERVER_RULES: Mapping[str, Rule[object]] = {
    "base_url": text(),
    "api": one_of("openai", "fish"),
    "model": text(),
    "api_key_file": text(),
    "concurrency": whole("requests at once", least=1, most=1024),
    "timeout_s": number("seconds", above=0),
    "retry_s": number("seconds", least=0),
    "sample_rate": whole("Hz", least=8000, most=192_000),
    "extra": any_table('a table of request fields, such as { task_type = "Base" }'),
}


def check_options(options: Mapping[str, object]) -> list[str]:
    """Every fault of a job's engine options, each with its key, the value and what it must be."""
    server = [key for key in options if key in SERVER_RULES]
    own = {key: value for key, value in options.items() if key not in SERVER_RULES}
    faults = read_table(own, SAMPLING_RULES, "an option of the openai engine")[1]
    return [f"{key}: can be set in config.toml only, in engine.options" for key in server] + faults


def read_settings(options: Mapping[str, object]) -> Settings:
    """The settings from `[engine] options`; raises BadOption with every fault."""
    own = {key: value for key, value in options.items() if key not in ADDED_BY_WORKER}
    kept, faults = read_table(own, {**SERVER_RULES, **SAMPLING_RULES}, "an option of the openai engine")
    if "base_url" not in own:
        faults.append('base_url: is not set; write the server\'s address, such as "http://localhost:8000/v1"')
    faults += _contradictions(kept)
    if faults:
        raise BadOption("; ".join(f"engine.options.{fault}" for fault in faults))
    root = str(kept.pop("base_url")).rstrip("/").removesuffix("/v1")
    sampling = {key: kept.pop(key) for key in SAMPLING_RULES if key in kept}
    return Settings(root, sampling=sampling, **kept)


def _contradictions(kept: Mapping[str, object]) -> Iterator[str]:
    if "base_url" in kept:
        yield from _address_faults(str(kept["base_url"]))
    path = str(kept.get("api_key_file", ""))
    if path and not path.startswith(("/", "~/")):  # without the value, which may be the key itself
        yield "api_key_file: must be the absolute path of a file with the key in it"
    if kept.get("api") == "fish" and kept.get("model"):
        yield 'model: has no meaning with api = "fish"; that server speaks with the model it was started with'
    extra = cast("Mapping[str, object]", kept.get("extra", {}))
    for key in sorted(RESERVED & extra.keys()):
        yield f"extra.{key}: is set by fishd; remove it"


def _address_faults(address: str) -> Iterator[str]:
    """Without the value where it may hold a password."""
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield "base_url: is not an address"
        return
    if parts.username is not None or parts.password is not None:
        yield "base_url: must not hold a name or a password; put the key into a file, api_key_file"
    elif not is_good or parts.query or parts.fragment or not address.isprintable() or " " in address:
        yield f'base_url: is {display(address)}; must be an address such as "http://localhost:8000/v1"'
