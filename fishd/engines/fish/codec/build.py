"""Building the codec from fish_speech's configuration and the checkpoint's weights."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fishd.engines.fish.checkpoint.files import codec_weights, require_weights
from fishd.engines.fish.import_stubs import import_upstream, stubbed_imports
from fishd.engines.protocol import EngineError

MODULES = ("fish_speech.models.dac.modded_dac", "fish_speech.models.dac.rvq")
ALLOWED_TARGETS = "fish_speech.models.dac."


def load_codec(folder: Path, device: torch.device) -> Any:
    """The codec in float32, its weight norms folded. Raises EngineError if codec.pth is incomplete."""
    module = meta_codec(folder)
    weights = codec_weights(folder)
    require_weights(folder / "codec.pth", module, weights)
    names = [name for name, _ in module.named_parameters()]
    module.load_state_dict(
        {n: weights[n].to(device, torch.float32) for n in names}, strict=False, assign=True
    )
    _rebuild_buffers(module, device)
    _fold_weight_norms(module)
    return module


def meta_codec(folder: Path) -> Any:
    """The codec on the meta device: names and shapes without memory.

    A codec.yaml in the folder replaces fish_speech's own. Raises EngineError if it would build anything else.
    """
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    import_upstream(*MODULES)
    own = folder / "codec.yaml"
    (root,) = import_upstream("fish_speech")
    settings = OmegaConf.load(own if own.is_file() else Path(root.__path__[0]) / "configs/modded_dac_vq.yaml")
    _require_codec_targets(settings, own)
    with stubbed_imports(), torch.device("meta"):
        return instantiate(settings).eval().requires_grad_(requires_grad=False)


def codebook_fingerprint(quantizer: nn.Module) -> str:
    """A hash of the codebooks: codes are only valid for the codec that made them."""
    digest = hashlib.sha256()
    for name, weight in quantizer.named_parameters():
        if "codebook" in name:
            digest.update(weight.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _require_codec_targets(settings: Any, file: Path) -> None:
    """A codec.yaml comes with the checkpoint: it may name fish_speech's codec classes and nothing else."""
    from omegaconf import OmegaConf

    pending: list[Any] = [OmegaConf.to_container(settings)]
    while pending:
        node = pending.pop()
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        pending.extend(children)
        target = str(node.get("_target_", MODULES[0])) if isinstance(node, dict) else MODULES[0]
        if not target.startswith(ALLOWED_TARGETS):
            raise EngineError(f"{file}: _target_ {target!r} is not part of the codec; remove the file")


def _rebuild_buffers(module: nn.Module, device: torch.device) -> None:
    """Recompute the rope tables; the causal masks (284 MB at full size) are not used for inference."""
    (dac,) = import_upstream(MODULES[0])
    for part in module.modules():
        if isinstance(part, dac.Transformer):
            c: Any = part.config
            part.freqs_cis = dac.precompute_freqs_cis(c.block_size, c.head_dim, c.rope_base).to(device)
            part.causal_mask = torch.empty(0, dtype=torch.bool, device=device)


def _fold_weight_norms(module: nn.Module) -> None:
    """Compute normalised weights once; fish_speech does so at every call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fish_speech uses both kinds; torch deprecates the older
        for part in module.modules():
            if hasattr(part, "parametrizations"):  # the newer kind
                nn.utils.parametrize.remove_parametrizations(part, "weight")
            elif hasattr(part, "weight_g"):
                nn.utils.remove_weight_norm(part)
    module.requires_grad_(requires_grad=False)
