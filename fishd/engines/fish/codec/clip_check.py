"""Is what was decoded a clip? Not if it is too short, silent, or no sound at all."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
from torch import Tensor

from fishd.engines.protocol import Failed, Spoken

SHORTEST_S = 0.1
SILENT_PEAK = 1e-3  # -60 dB of full scale


def judge(take_id: str, audio: Tensor | None, sample_rate: int) -> Spoken | Failed:
    """Spoken, or Failed with what is wrong; another seed may do better."""
    duration_s = 0.0 if audio is None else len(audio) / sample_rate
    if audio is None or duration_s < SHORTEST_S:
        return Failed(take_id, f"only {duration_s:.2f} s were spoken", retry=True)
    if not torch.isfinite(audio).all():
        return Failed(take_id, "the codec gave no numbers (NaN or infinite samples)", retry=True)
    peak = float(audio.abs().max())
    if peak < SILENT_PEAK:
        return Failed(take_id, f"what was spoken is silent (peak {peak:.1e})", retry=True)
    return Spoken(take_id, audio.clamp(-1.0, 1.0).numpy())
