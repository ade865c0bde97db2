"""The codec on a stream of its own: clips become audible while the next frames are drawn.

The work is queued behind what the decoder has queued so far, its result is copied to pinned memory, and
whoever asked looks back later. On a CPU a clip is simply decoded at once.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fishd.engines.fish.codec.codec import Codec


@dataclass(frozen=True, slots=True)
class Sounding:
    """Clips on their way: `audio` may be read once `done` (a CUDA event, or None for now) has come."""

    audio: Sequence[Tensor]
    done: Any = None

    def is_over(self) -> bool:
        return self.done is None or self.done.query()

    def clips(self) -> Sequence[Tensor]:
        """Float32 [samples] each, on the CPU. Waits for the device."""
        if self.done is not None:
            self.done.synchronize()
        return self.audio


def begin(codec: Codec, codes: Sequence[Tensor]) -> Sounding:
    """Have clips decoded: behind the frames on a codec's own stream, at once on any other."""
    if not codes:
        return Sounding([])
    return codec.begin(codes) if isinstance(codec, StreamedCodec) else Sounding(codec.decode(codes))


class StreamedCodec(Codec):
    """A codec on a CUDA device that need not be waited for."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(folder, device, dtype)
        self._stream = torch.cuda.Stream(device)

    @torch.inference_mode()
    def begin(self, codes: Sequence[Tensor]) -> Sounding:
        """As `decode`, without waiting. Raises OutOfMemory's causes here and now, if at all."""
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            audio = self.decode_batch(codes)
            host = torch.empty(audio.shape, dtype=audio.dtype, pin_memory=True)
            host.copy_(audio, non_blocking=True)
            done = torch.cuda.Event()
            done.record()
        for one in codes:
            one.record_stream(self._stream)
        return Sounding(self.trim(host, codes), done)
