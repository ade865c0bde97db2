"""The codec: audio to codes and codes to audio.

Each direction runs only the parts that it needs. The convolutions are causal, so right-padded batches are
exact; long clips run in overlapping chunks, so that activations stay bounded whatever the length.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fishd.engines.fish.codec.build import codebook_fingerprint, load_codec
from fishd.engines.fish.codec.chunks import CHUNK_FRAMES, CONTEXT_FRAMES, padded, run_in_chunks

LIVE_TENSORS = 8  # at the peak, of the widest layer's size: 1.52 GB measured for 256 frames at full size


@dataclass(frozen=True, slots=True)
class CodecJob:
    """Clips being decoded. `done` is a CUDA event, or None if they are finished."""

    audio: Sequence[Tensor]
    done: Any = None

    def is_done(self) -> bool:
        return self.done is None or self.done.query()

    def result(self) -> Sequence[Tensor]:
        """Float32 [samples] each, on the CPU. Waits for the device."""
        if self.done is not None:
            self.done.synchronize()
        return self.audio


class Codec:
    """`frame_length` is in samples; `max_frames` is the longest clip that it can process.

    `weight_bytes` and `work_bytes` are its memory at rest and while decoding one chunk. `max_clips` is the
    largest batch worth decoding on this device. `fingerprint` identifies the codebooks.
    """

    def __init__(
        self, folder: Path, device: torch.device, dtype: torch.dtype, chunk_frames: int = CHUNK_FRAMES
    ) -> None:
        """Load codec.pth. Audio is decoded in `dtype` and encoded in float32.

        Raises EngineError for a file that does not hold the whole codec.
        """
        module = load_codec(folder, device)
        self._quantizer, self._encoder, self._decoder = module.quantizer, module.encoder, module.decoder
        self.device, self._dtype, self._chunk_frames = device, dtype, chunk_frames
        for part in (self._quantizer.post_module, self._quantizer.upsample, self._decoder):
            part.to(dtype)
        self.sample_rate = int(module.sample_rate)
        self.frame_length = int(module.frame_length)
        self.max_frames = int(self._quantizer.post_module.config.block_size)
        self.num_codebooks = 1 + int(self._quantizer.quantizer.n_codebooks)
        tensors = [*module.parameters(), *module.buffers()]  # folded weights are buffers
        self.weight_bytes = sum(p.numel() * p.element_size() for p in tensors if p.device.type != "meta")
        widest = max(module.decoder_dim >> len(module.decoder_rates), module.encoder_dim)
        self.work_bytes = LIVE_TENSORS * (CHUNK_FRAMES + CONTEXT_FRAMES) * widest * self.frame_length * 4
        self.max_clips = 16 if device.type == "cuda" else 1  # batching gains nothing on a CPU
        self.fingerprint = codebook_fingerprint(self._quantizer)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.frame_length

    @torch.inference_mode()
    def encode(self, audio: Tensor) -> Tensor:
        """Mono float32 [samples] at `sample_rate` -> codes, int16 [codebooks, frames], on the CPU."""
        frames = math.ceil(len(audio) / self.frame_length)
        x = torch.zeros(1, 1, padded(frames) * self.frame_length)
        x[0, 0, : len(audio)] = audio
        *first, last = self._encoder.block
        head, tail = _split_at_transformer(first, last)
        hop = math.prod(m.stride for m in _strided_convolutions(head))
        out_per_frame = self.frame_length // hop
        z = run_in_chunks(head, x.to(self.device), self.frame_length, out_per_frame, self._chunk_frames)
        q = self._quantizer
        z = q.pre_module(q.downsample(tail(z)))
        semantic_z, semantic_codes, *_ = q.semantic_quantizer(z)
        _, codes, *_ = q.quantizer(z - semantic_z)
        return torch.cat([semantic_codes, codes], 1)[0, :, :frames].to("cpu", torch.int16)

    @torch.inference_mode()
    def decode(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """Codes of several clips, int64 [codebooks, frames] each -> float32 [samples] each, on the CPU."""
        return self.trim(self.decode_batch(codes).cpu(), codes)

    def submit(self, codes: Sequence[Tensor]) -> CodecJob:
        """As `decode`, on a device that can work in the background without waiting for it."""
        return CodecJob(self.decode(codes))

    def decode_batch(self, codes: Sequence[Tensor]) -> Tensor:
        """The same as one batch on the device, float32 [clips, samples]; `trim` removes the padding."""
        longest = padded(max(c.shape[1] for c in codes))
        batch = torch.zeros(len(codes), self.num_codebooks, longest, dtype=torch.long, device=self.device)
        for i, clip in enumerate(codes):
            batch[i, :, : clip.shape[1]] = clip
        q = self._quantizer
        semantic = batch[:, :1].clamp(max=q.semantic_quantizer.codebook_size - 1)
        residual = batch[:, 1:].clamp(max=q.quantizer.codebook_size - 1)
        z = q.semantic_quantizer.from_codes(semantic)[0] + q.quantizer.from_codes(residual)[0]
        z = q.post_module(z.to(self._dtype))
        audio = run_in_chunks(
            lambda x: self._decoder(q.upsample(x)), z, 1, self.frame_length, self._chunk_frames
        )
        return audio[:, 0].float()

    def trim(self, audio: Tensor, codes: Sequence[Tensor]) -> list[Tensor]:
        """Each clip of a decoded batch, cut to its own number of frames."""
        return [audio[i, : clip.shape[1] * self.frame_length] for i, clip in enumerate(codes)]


def _split_at_transformer(first: list[nn.Module], last: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    """The encoder's convolutions, which can run in chunks, and the rest, which needs the whole clip."""
    layers: list[nn.Module] = []
    for block in [*first, last]:
        inner: Any = block
        layers += list(inner.block) if type(block).__name__ == "EncoderBlock" else [block]
    transformers = [i for i, layer in enumerate(layers) if type(layer).__name__ == "WindowLimitedTransformer"]
    split = transformers[0] if transformers else len(layers)
    return nn.Sequential(*layers[:split]), nn.Sequential(*layers[split:])


def _strided_convolutions(stack: nn.Module) -> list[Any]:
    convolutions: list[Any] = [m for m in stack.modules() if type(m).__name__ == "CausalConvNet"]
    return [m for m in convolutions if m.stride > 1]
