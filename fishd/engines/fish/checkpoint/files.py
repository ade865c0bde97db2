"""What a checkpoint folder must hold, and what is wrong with one that does not hold it.

The package itself only warns of missing weights and then speaks noise; here every weight is compared, by
name and shape, with what the architecture asks for. Files are memory-mapped: nothing is loaded whole.
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

from fishd.engines.fish.import_stubs import package
from fishd.engines.protocol import EngineError

if TYPE_CHECKING:
    from torch import Tensor, nn

FILES = ("config.json", "tokenizer.tiktoken", "special_tokens.json", "model.pth", "codec.pth")
SOURCE = "download the whole of https://huggingface.co/fishaudio/openaudio-s1-mini into it"
SHOWN = 4  # weights named in a message before "and n more"


def missing_files(folder: Path) -> list[str]:
    """The names of the checkpoint's files that are not there."""
    return [name for name in FILES if not (folder / name).is_file()]


def require_files(folder: Path) -> None:
    """Raise EngineError unless every file is there."""
    if str(folder) in {"", "."}:
        raise EngineError("no checkpoint is named; set engine.checkpoint to the folder with model.pth")
    if missing := missing_files(folder):
        raise EngineError(f"checkpoint {folder}: {', '.join(missing)} not found; {SOURCE}")


def read_architecture(folder: Path) -> Any:
    """config.json as the package's DualARModelArgs. Raises EngineError."""
    (llama,) = package("fish_speech.models.text2semantic.llama")
    place = f"checkpoint {folder}: config.json"
    try:
        given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{place} cannot be read ({error}); {SOURCE}") from error
    if not isinstance(given, dict) or given.get("model_type") != "dual_ar":
        raise EngineError(f"{place} is not of a dual_ar model; this engine speaks with OpenAudio S1-mini")
    known = {f.name for f in fields(llama.DualARModelArgs)}
    if unknown := sorted(set(given) - known):
        raise EngineError(f"{place} has keys that fish-speech 0.1.0 does not know: {', '.join(unknown)}")
    return llama.DualARModelArgs(**given)


def read_tokenizer(folder: Path, architecture: Any) -> Any:
    """The checkpoint's tokenizer, if its ids fit the model. Raises EngineError."""
    (module,) = package("fish_speech.tokenizer")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file for the collector to close
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
        found = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise EngineError(f"{file} cannot be read as weights ({error}); {SOURCE}") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(w, torch.Tensor) for w in found.values()):
        raise EngineError(f"{file} holds something other than named weights; {SOURCE}")
    return found


def model_weights(folder: Path) -> dict[str, Tensor]:
    """model.pth with the names that the architecture uses."""
    found = read_weights(folder / "model.pth")
    if all(name.startswith("model.") for name in found):
        found = {name.removeprefix("model."): weight for name, weight in found.items()}
    for name in [name for name in found if name.endswith("attention.wq.weight")]:
        stem = name.removesuffix("wq.weight")
        parts = [found.pop(f"{stem}{part}.weight") for part in ("wq", "wk", "wv")]
        found[f"{stem}wqkv.weight"] = torch.cat(parts)
    return found


def codec_weights(folder: Path) -> dict[str, Tensor]:
    """codec.pth with the names that the codec uses."""
    found = read_weights(folder / "codec.pth")
    if any(name.startswith("generator.") for name in found):
        found = {n.removeprefix("generator."): w for n, w in found.items() if n.startswith("generator.")}
    return found


def weight_faults(wanted: nn.Module, found: Mapping[str, Tensor]) -> list[str]:
    """What keeps `found` from being the parameters of `wanted`: missing, of another shape, not floating."""
    faults: list[str] = []
    for name, parameter in wanted.named_parameters():
        weight = found.get(name)
        if weight is None:
            faults.append(f"{name} is missing")
        elif weight.shape != parameter.shape:
            faults.append(f"{name} has shape {tuple(weight.shape)}, not {tuple(parameter.shape)}")
        elif not weight.is_floating_point():
            faults.append(f"{name} holds {weight.dtype}: quantised checkpoints are not supported")
    return faults


def require_weights(file: Path, wanted: nn.Module, found: Mapping[str, Tensor]) -> None:
    """Raise EngineError unless every weight is there, in its shape."""
    if faults := weight_faults(wanted, found):
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise EngineError(
            f"{file}: {'; '.join(faults[:SHOWN])}{more}. The file is damaged, or of another model: {SOURCE}"
        )
