"""Checking decoded audio: too short, silent or non-finite audio fails its take."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
from torch import Tensor

from fishd.engines.protocol import Failed, Spoken

MIN_DURATION_S = 0.1
SILENCE_PEAK = 1e-3  # -60 dB of full scale


def check_clip(take_id: str, audio: Tensor | None, sample_rate: int) -> Spoken | Failed:
    """Spoken, or Failed with the reason; every fault may go away with another seed.

    `audio` is float32 [samples] on the CPU, None for a take without a frame. Samples are clipped to -1..1.
    """
    duration_s = 0.0 if audio is None else len(audio) / sample_rate
    if audio is None or duration_s < MIN_DURATION_S:
        return Failed(take_id, f"the clip is only {duration_s:.2f} s long", retry=True)
    if not torch.isfinite(audio).all():
        return Failed(take_id, "the codec produced NaN or infinite samples", retry=True)
    peak = float(audio.abs().max())
    if peak < SILENCE_PEAK:
        return Failed(take_id, f"the clip is silent (peak {peak:.1e})", retry=True)
    return Spoken(take_id, audio.clamp(-1.0, 1.0).numpy())
