"""The checkpoint's codec: reference clips to codes, codes to audio.

Built from the package's configuration on the meta device and filled by assignment. Only the parts that a
direction needs are run. Its convolutions are causal, so right-padded batches are exact, and a long clip is
taken in stretches that begin a little early: activations stay bounded whatever the length.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fishd.engines.fish.checkpoint.files import codec_weights, require_weights
from fishd.engines.fish.import_stubs import package, stand_ins
from fishd.engines.protocol import EngineError

MODULES = ("fish_speech.models.dac.modded_dac", "fish_speech.models.dac.rvq")
STRETCH = 256  # frames that are taken at once; 12 s
BUCKET = (
    16  # clips are padded to lengths of this multiple: each new shape costs a library's plan, kept for good
)
CONTEXT = 16  # frames before a stretch that its convolutions can still hear (they reach back under 12)
LIVE_TENSORS = 8  # of the widest layer's size at the peak: 1.52 GB measured for 256 frames, at full size


def codec_skeleton(folder: Path) -> Any:
    """The codec's modules on the meta device. A codec.yaml in the folder overrides the package's."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    package(*MODULES)
    own = folder / "codec.yaml"
    (root,) = package("fish_speech")
    settings = OmegaConf.load(own if own.is_file() else Path(root.__path__[0]) / "configs/modded_dac_vq.yaml")
    _require_own_targets(settings, own)
    with stand_ins(), torch.device("meta"):
        return instantiate(settings).eval().requires_grad_(requires_grad=False)


class Codec:
    """`frame_length` samples make a frame; `max_frames` is the longest clip that it can take."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Load codec.pth; `dtype` is what audio is decoded in, encoding is always float32.

        Raises EngineError for a file that does not hold the whole codec.
        """
        module = codec_skeleton(folder)
        weights = codec_weights(folder)
        require_weights(folder / "codec.pth", module, weights)
        names = [name for name, _ in module.named_parameters()]
        module.load_state_dict(
            {n: weights[n].to(device, torch.float32) for n in names}, strict=False, assign=True
        )
        _rebuild_buffers(module, device)
        _fold_weight_norms(module)
        self._quantizer, self._encoder, self._decoder = module.quantizer, module.encoder, module.decoder
        self.device, self._dtype = device, dtype
        for part in (self._quantizer.post_module, self._quantizer.upsample, self._decoder):
            part.to(dtype)
        self.sample_rate = int(module.sample_rate)
        self.frame_length = int(module.frame_length)
        self.max_frames = int(self._quantizer.post_module.config.block_size)
        self.num_codebooks = 1 + int(self._quantizer.quantizer.n_codebooks)
        held = [*module.parameters(), *module.buffers()]  # folded weights are buffers
        self.weight_bytes = sum(p.numel() * p.element_size() for p in held if p.device.type != "meta")
        widest = max(module.decoder_dim >> len(module.decoder_rates), module.encoder_dim)
        self.work_bytes = LIVE_TENSORS * (STRETCH + CONTEXT) * widest * self.frame_length * 4
        self.most_clips = 16 if device.type == "cuda" else 1  # at once; a CPU gains nothing from more
        self.fingerprint = _fingerprint(self._quantizer)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.frame_length

    @torch.inference_mode()
    def encode(self, audio: Tensor) -> Tensor:
        """Mono float32 [samples] at `sample_rate` -> codes, int16 [codebooks, frames], on the CPU."""
        frames = math.ceil(len(audio) / self.frame_length)
        padded = torch.zeros(1, 1, bucketed(frames) * self.frame_length)
        padded[0, 0, : len(audio)] = audio
        *first, last = self._encoder.block
        head, tail = _split_at_transformer(first, last)
        hop = math.prod(m.stride for m in _strided(head))
        z = in_stretches(head, padded.to(self.device), self.frame_length, self.frame_length // hop)
        q = self._quantizer
        z = q.pre_module(q.downsample(tail(z)))
        semantic_z, semantic_codes, *_ = q.semantic_quantizer(z)
        _, codes, *_ = q.quantizer(z - semantic_z)
        return torch.cat([semantic_codes, codes], 1)[0, :, :frames].to("cpu", torch.int16)

    @torch.inference_mode()
    def decode(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """Codes [codebooks, frames], int64, of several clips -> audio, float32 [samples], on the CPU."""
        return self.cut(self.sound(codes).cpu(), codes)

    def sound(self, codes: Sequence[Tensor]) -> Tensor:
        """The same as one batch on the device, [clips, samples]; shorter clips are followed by anything."""
        longest = bucketed(max(c.shape[1] for c in codes))
        batch = torch.zeros(len(codes), self.num_codebooks, longest, dtype=torch.long, device=self.device)
        for i, one in enumerate(codes):
            batch[i, :, : one.shape[1]] = one
        q = self._quantizer
        semantic = batch[:, :1].clamp(max=q.semantic_quantizer.codebook_size - 1)
        residual = batch[:, 1:].clamp(max=q.quantizer.codebook_size - 1)
        z = q.semantic_quantizer.from_codes(semantic)[0] + q.quantizer.from_codes(residual)[0]
        z = q.post_module(z.to(self._dtype))
        audio = in_stretches(lambda x: self._decoder(q.upsample(x)), z, 1, self.frame_length)
        return audio[:, 0].float()

    def cut(self, audio: Tensor, codes: Sequence[Tensor]) -> list[Tensor]:
        """Each clip's own samples, without what it was padded with."""
        return [audio[i, : one.shape[1] * self.frame_length] for i, one in enumerate(codes)]


def in_stretches(run: Callable[[Tensor], Tensor], x: Tensor, unit: int, made: int) -> Tensor:
    """Run a causal stack over x [n, channels, t] piece by piece; a frame is `unit` of t in, `made` out."""
    frames = x.shape[-1] // unit
    if frames <= STRETCH + CONTEXT:
        return run(x)
    pieces: list[Tensor] = []
    for begin in range(0, frames, STRETCH):
        end, early = min(begin + STRETCH, frames), max(0, begin - CONTEXT)
        piece = run(x[..., early * unit : end * unit])
        pieces.append(piece[..., (begin - early) * made :])
    return torch.cat(pieces, -1)


def bucketed(frames: int) -> int:
    """The padded length of so many frames."""
    return -(-frames // BUCKET) * BUCKET


def batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Clips, by their place, in groups of at most `most` and of like length, whose padded frames stay within
    a stretch.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        last = groups[-1] if groups else None
        if last and len(last) < most and (len(last) + 1) * bucketed(lengths[last[0]]) <= STRETCH:
            last.append(i)
        else:
            groups.append([i])
    return groups


def _split_at_transformer(first: list[nn.Module], last: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    """The encoder as what can run in stretches, and what must see the whole clip."""
    layers: list[nn.Module] = []
    for block in [*first, last]:
        inner: Any = block
        layers += list(inner.block) if type(block).__name__ == "EncoderBlock" else [block]
    seams = [i for i, layer in enumerate(layers) if type(layer).__name__ == "WindowLimitedTransformer"]
    seam = seams[0] if seams else len(layers)
    return nn.Sequential(*layers[:seam]), nn.Sequential(*layers[seam:])


def _strided(stack: nn.Module) -> list[Any]:
    convolutions: list[Any] = [m for m in stack.modules() if type(m).__name__ == "CausalConvNet"]
    return [m for m in convolutions if m.stride > 1]


def _rebuild_buffers(module: nn.Module, device: torch.device) -> None:
    """Rope tables are computed anew; the causal masks (284 MB at full size) are never read when speaking."""
    (dac,) = package(MODULES[0])
    for part in module.modules():
        if isinstance(part, dac.Transformer):
            c: Any = part.config
            part.freqs_cis = dac.precompute_freqs_cis(c.block_size, c.head_dim, c.rope_base).to(device)
            part.causal_mask = torch.empty(0, dtype=torch.bool, device=device)


def _fold_weight_norms(module: nn.Module) -> None:
    """Compute normed weights once; the package does so at every call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older of the two kinds is deprecated; the package uses both
        for part in module.modules():
            if hasattr(part, "parametrizations"):  # the newer kind
                nn.utils.parametrize.remove_parametrizations(part, "weight")
            elif hasattr(part, "weight_g"):
                nn.utils.remove_weight_norm(part)
    module.requires_grad_(requires_grad=False)


def _fingerprint(quantizer: nn.Module) -> str:
    """A hash of the codebooks: codes of one codec are noise to another."""
    digest = hashlib.sha256()
    for name, weight in quantizer.named_parameters():
        if "codebook" in name:
            digest.update(weight.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _require_own_targets(settings: Any, place: Path) -> None:
    """A codec.yaml may build the package's codec classes and nothing else."""
    from omegaconf import OmegaConf

    waiting: list[Any] = [OmegaConf.to_container(settings)]
    while waiting:
        node = waiting.pop()
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting.extend(children)
        target = str(node.get("_target_", MODULES[0])) if isinstance(node, dict) else MODULES[0]
        if not target.startswith("fish_speech.models.dac."):
            raise EngineError(f"{place}: _target_ {target!r} is not part of the codec; remove the file")
