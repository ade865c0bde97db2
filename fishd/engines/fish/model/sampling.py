"""Sampling one token for every row at once, each row with its own seed and options.

The noise is a hash of (seed, step, codebook, candidate): a row samples the same tokens whichever rows share
its batch, and no generator state is carried from step to step. A token is argmax(p / e) with e ~ Exp(1),
computed as argmax(log p - log e), the Gumbel-max trick. Nothing here synchronises with the device.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

LOW_32_BITS = 0xFFFFFFFF  # integer tensors here are int64 that hold 32-bit values
CODEBOOK_STRIDE = 16  # at least the number of codebooks, so that (step, codebook) never collide


def penalise(logits: Tensor, recent: Tensor, penalty: Tensor) -> Tensor:
    """Apply the repetition penalty [n, 1] to the candidates `recent` [n, k]; 1 changes nothing."""
    score = logits.gather(1, recent)
    score = torch.where(score < 0, score * penalty, score / penalty)
    return logits.scatter(1, recent, score)


def sample(logits: Tensor, temperature: Tensor, top_p: Tensor, noise: Tensor) -> Tensor:
    """One candidate per row, [n]. `logits` and `noise` are float32 [n, candidates], the others [n, 1].

    As in fish_speech, top-p drops the candidate that crosses the threshold, and temperature applies
    afterwards.
    """
    kept = logits >= top_p_floor(logits, top_p)
    score = logits / temperature - noise.log()
    return score.masked_fill(~kept, -torch.inf).argmax(-1)


def top_p_floor(logits: Tensor, top_p: Tensor) -> Tensor:
    """The lowest logit that top-p keeps in each row, [n, 1]; the best candidate is always kept."""
    ranked = _sort_descending(logits)
    kept = (F.softmax(ranked, -1).cumsum(-1) <= top_p).sum(-1, keepdim=True)
    return ranked.gather(1, (kept - 1).clamp(min=0))


def exponential_noise(seed: Tensor, step: Tensor, codebook: int, candidates: Tensor) -> Tensor:
    """Exp(1) noise, float32 [n, candidates], from `seed` [n] and `step` [n] alone."""
    base = hash32(seed & LOW_32_BITS) ^ (step * CODEBOOK_STRIDE + codebook)
    base = hash32(hash32(base) ^ (seed >> 32))
    bits = hash32(base[:, None] + candidates)
    uniform = (bits.float() + 0.5) * 2.0**-32
    return -torch.log1p(-uniform.clamp(max=1 - 2.0**-24))


def candidate_salt(count: int, device: torch.device) -> Tensor:
    """What distinguishes the candidates in the noise: multiples of the golden ratio, [count]."""
    return torch.arange(count, device=device) * 0x9E3779B9


def hash32(x: Tensor) -> Tensor:
    """lowbias32, a full-avalanche 32-bit mixer: https://nullprogram.com/blog/2018/07/31/."""
    x = x & LOW_32_BITS
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & LOW_32_BITS
    x = ((x ^ (x >> 15)) * 0x846CA68B) & LOW_32_BITS
    return x ^ (x >> 16)


def _sort_descending(logits: Tensor) -> Tensor:
    """Sorted values. On a CPU by numpy, whose vectorised sort is several times faster than torch's."""
    if logits.device.type != "cpu":
        return logits.sort(-1, descending=True).values
    import numpy as np

    return torch.from_numpy(np.sort(logits.numpy(), axis=-1)).flip(-1)  # NaN sorts first here, as in torch
