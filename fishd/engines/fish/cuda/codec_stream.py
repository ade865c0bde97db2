"""The codec on a CUDA stream of its own: clips are decoded while the next frames are sampled.

The work is queued behind what the decoder has queued so far and its result copied to pinned memory; the
caller checks later.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fishd.engines.fish.codec.codec import Codec, CodecJob


class StreamedCodec(Codec):
    """A codec on a CUDA device whose callers need not wait."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(folder, device, dtype)
        self._stream = torch.cuda.Stream(device)

    @torch.inference_mode()
    def submit(self, codes: Sequence[Tensor]) -> CodecJob:
        """As `decode`, without waiting. If memory is short, it raises here."""
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            audio = self.decode_batch(codes)
            host = torch.empty(audio.shape, dtype=audio.dtype, pin_memory=True)
            host.copy_(audio, non_blocking=True)
            done = torch.cuda.Event()
            done.record()
        for clip in codes:
            clip.record_stream(self._stream)
        return CodecJob(self.trim(host, codes), done)
