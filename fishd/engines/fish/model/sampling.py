"""Drawing a token for every row at once, each row by its own seed and options.

The noise is a hash of (seed, step, codebook, candidate), so a row draws the same whoever shares its batch,
and nothing has to be carried from step to step. A draw is argmax(p / e) with e ~ Exp(1), computed as
argmax(log p - log e): the Gumbel-max trick. Nothing here waits for the device.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages call it
from torch import Tensor

LOW = 0xFFFFFFFF  # the low 32 bits: integer tensors here are int64 holding 32-bit values
CODEBOOK_STRIDE = 16  # more codebooks than a model has, so that (step, codebook) never collide


def penalise(logits: Tensor, recent: Tensor, penalty: Tensor) -> Tensor:
    """Make the candidates in `recent` [n, k] less likely, by `penalty` [n, 1]; 1 leaves them as they are."""
    score = logits.gather(1, recent)
    score = torch.where(score < 0, score * penalty, score / penalty)
    return logits.scatter(1, recent, score)


def pick(logits: Tensor, temperature: Tensor, top_p: Tensor, noise: Tensor) -> Tensor:
    """One candidate a row, [n]. `logits` and `noise` are float32 [n, candidates], the others [n, 1].

    As in the package, the candidate that crosses `top_p` is dropped and temperature comes after the cut.
    """
    kept = logits >= nucleus_floor(logits, top_p)
    score = logits / temperature - noise.log()
    return score.masked_fill(~kept, -torch.inf).argmax(-1)


def nucleus_floor(logits: Tensor, top_p: Tensor) -> Tensor:
    """The lowest logit of each row's nucleus, [n, 1]; the best candidate is always in it."""
    ranked = _descending(logits)
    kept = (F.softmax(ranked, -1).cumsum(-1) <= top_p).sum(-1, keepdim=True)
    return ranked.gather(1, (kept - 1).clamp(min=0))


def exponential_noise(seed: Tensor, step: Tensor, codebook: int, candidates: Tensor) -> Tensor:
    """Exp(1) noise, float32 [n, candidates], from `seed` [n] and `step` [n] alone."""
    base = hash32(seed & LOW) ^ (step * CODEBOOK_STRIDE + codebook)
    base = hash32(hash32(base) ^ (seed >> 32))
    spread = hash32(base[:, None] + candidates)
    uniform = (spread.float() + 0.5) * 2.0**-32
    return -torch.log1p(-uniform.clamp(max=1 - 2.0**-24))


def candidate_salt(count: int, device: torch.device) -> Tensor:
    """What tells candidates apart in the noise: multiples of the golden ratio, [count]."""
    return torch.arange(count, device=device) * 0x9E3779B9


def hash32(x: Tensor) -> Tensor:
    """lowbias32, a full-avalanche 32-bit mixer: https://nullprogram.com/blog/2018/07/31/."""
    x = x & LOW
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & LOW
    x = ((x ^ (x >> 15)) * 0x846CA68B) & LOW
    return x ^ (x >> 16)


def _descending(logits: Tensor) -> Tensor:
    """Sorted values. On a CPU by numpy, whose vectorised sort is several times faster than torch's."""
    if logits.device.type != "cpu":
        return logits.sort(-1, descending=True).values
    import numpy as np

    return torch.from_numpy(np.sort(logits.numpy(), axis=-1)).flip(-1)  # NaN sorts first here, as in torch
