"""Reading and validating a checkpoint folder.

fish_speech only warns of missing weights and then produces noise. Here every weight is compared, by name and
shape, with the architecture. Files are memory-mapped: nothing is loaded whole.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.protocol import EngineError

if TYPE_CHECKING:
    from torch import Tensor, nn

FILES = ("config.json", "tokenizer.tiktoken", "special_tokens.json", "model.pth", "codec.pth")
SOURCE = "download all of https://huggingface.co/fishaudio/openaudio-s1-mini into it"
MAX_FAULTS_SHOWN = 4


def missing_files(folder: Path) -> list[str]:
    """The names of the files that the folder lacks."""
    return [name for name in FILES if not (folder / name).is_file()]


def require_files(folder: Path) -> None:
    """Raise EngineError unless the folder holds every file."""
    if str(folder) in {"", "."}:
        raise EngineError("no checkpoint is configured; set engine.checkpoint to the folder with model.pth")
    if missing := missing_files(folder):
        raise EngineError(f"checkpoint {folder}: {', '.join(missing)} not found; {SOURCE}")


def read_architecture(folder: Path) -> Any:
    """config.json as the package's DualARModelArgs. Raises EngineError."""
    (llama,) = import_upstream("fish_speech.models.text2semantic.llama")
    where = f"checkpoint {folder}: config.json"
    try:
        given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{where} cannot be read ({error}); {SOURCE}") from error
    if not isinstance(given, dict) or given.get("model_type") != "dual_ar":
        raise EngineError(f"{where} does not describe a dual_ar model; this engine needs OpenAudio S1-mini")
    known = {f.name for f in fields(llama.DualARModelArgs)}
    if unknown := sorted(set(given) - known):
        raise EngineError(f"{where} has keys that fish-speech 0.1.0 does not know: {', '.join(unknown)}")
    return llama.DualARModelArgs(**given)


def read_tokenizer(folder: Path, architecture: Any) -> Any:
    """The checkpoint's tokenizer. Raises EngineError if it cannot be read or its ids exceed the model's."""
    (module,) = import_upstream("fish_speech.tokenizer")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file open
            tokenizer = module.FishTokenizer.from_pretrained(str(folder))
        tokenizer.get_token_id(module.IM_END_TOKEN)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"checkpoint {folder}: the tokenizer cannot be read ({error!r}); {SOURCE}"
        ) from error
    num_semantic = tokenizer.semantic_end_id - tokenizer.semantic_begin_id + 1
    num_ids = tokenizer.vocab_size + tokenizer.num_special_tokens
    if num_ids > architecture.vocab_size or num_semantic > architecture.codebook_size:
        raise EngineError(
            f"checkpoint {folder}: the tokenizer has {num_ids} ids, {num_semantic} of them semantic, but the "
            f"model has room for {architecture.vocab_size} and {architecture.codebook_size}; {SOURCE}"
        )
    return tokenizer


def read_weights(file: Path) -> dict[str, Tensor]:
    """A checkpoint file's weights by name, memory-mapped. Raises EngineError."""
    try:
        weights = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise EngineError(f"{file} cannot be read as weights ({error}); {SOURCE}") from error
    weights = weights.get("state_dict", weights) if isinstance(weights, dict) else weights
    if not isinstance(weights, dict) or not all(isinstance(w, torch.Tensor) for w in weights.values()):
        raise EngineError(f"{file} does not hold named weights; {SOURCE}")
    return weights


def model_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of model.pth, named as in the architecture: no `model.` prefix, wq, wk and wv joined."""
    weights = read_weights(folder / "model.pth")
    if all(name.startswith("model.") for name in weights):
        weights = {name.removeprefix("model."): weight for name, weight in weights.items()}
    for name in [name for name in weights if name.endswith("attention.wq.weight")]:
        stem = name.removesuffix("wq.weight")
        parts = [weights.pop(f"{stem}{part}.weight") for part in ("wq", "wk", "wv")]
        weights[f"{stem}wqkv.weight"] = torch.cat(parts)
    return weights


def codec_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of codec.pth, named as in the codec: no `generator.` prefix."""
    weights = read_weights(folder / "codec.pth")
    prefix = "generator."
    if any(name.startswith(prefix) for name in weights):
        weights = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
    return weights


def weight_faults(module: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Each parameter of `module` that `weights` lacks, or has in another shape or quantised."""
    faults: list[str] = []
    for name, parameter in module.named_parameters():
        weight = weights.get(name)
        if weight is None:
            faults.append(f"{name} is missing")
        elif weight.shape != parameter.shape:
            faults.append(f"{name} has shape {tuple(weight.shape)}, not {tuple(parameter.shape)}")
        elif not weight.is_floating_point():
            faults.append(f"{name} is {weight.dtype}: quantised checkpoints are not supported")
    return faults


def require_weights(file: Path, module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raise EngineError unless `weights` holds every parameter of `module` in its shape."""
    if faults := weight_faults(module, weights):
        hidden = len(faults) - MAX_FAULTS_SHOWN
        more = f"; and {hidden} more" if hidden > 0 else ""
        raise EngineError(
            f"{file}: {'; '.join(faults[:MAX_FAULTS_SHOWN])}{more}. "
            f"The file is damaged or belongs to another model: {SOURCE}"
        )
