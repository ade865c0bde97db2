"""The fast transformer: from the slow transformer's hidden state to a frame, one code after another.

The semantic token is sampled from the slow logits, the residual codes one by one. The first two positions
(the hidden state and the semantic code, known by then) run in one pass. A frame never synchronises with the
device and has fixed shapes for a given number of rows, so it can be captured as one CUDA graph.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.rows import WINDOW, Rows
from fishd.engines.fish.model.sampling import candidate_salt, exponential_noise, penalise, sample
from fishd.engines.fish.model.slow import attend_many, attend_one, project_qkv


class FastTransformer:
    """Samples frames for the first n rows. Its own KV cache holds one frame's positions."""

    def __init__(self, model: Model, rows: Rows, *, upstream_quirks: bool = False) -> None:
        self._model, self._rows, self._quirks = model, rows, upstream_quirks
        shape, count = model.fast_shape, rows.frame.shape[0]
        cache = (len(model.fast), count, shape.num_kv, model.num_codebooks, shape.head_dim)
        self._keys = torch.zeros(cache, dtype=model.dtype, device=model.device)
        self._values = torch.zeros_like(self._keys)
        self._salt = candidate_salt(max(len(model.slow_ids), model.codebook_size), model.device)
        self._all_rows = torch.arange(count, device=model.device)

    def sample_frame(self, n: int) -> None:
        """Sample the next frame of the first n rows from their hidden state and record it in their state."""
        r, model = self._rows, self._model
        hidden, step = r.hidden[:n], r.step[:n]
        penalty = torch.where(step[:, None] > 0, r.penalty[:n], 1.0)
        token, top_logits = self._sample_token(hidden, step, penalty)
        code = (token - model.semantic_begin).clamp(0, model.codebook_size - 1)
        codes = [code]
        x = self._first_two_positions(model.fast_project_in(hidden), code)
        for book in range(1, model.num_codebooks):
            logits = model.fast_head(model.fast_norm(x)).float()
            top_logits = top_logits + logits.amax(-1)
            logits = penalise(logits, r.window[:n, book + 1], penalty)
            code = self._sample(logits, step, book, n)
            codes.append(code)
            if book + 1 < model.num_codebooks:
                x = self._next_position(F.embedding(code, model.fast_embeddings), book + 1)
        frame = torch.stack([token, *codes], 1)
        r.frame[:n] = frame
        # fish_speech does not check its first frame for the end token.
        r.record(self._all_rows[:n], frame, top_logits, model.im_end, ignore_first_end=self._quirks)

    def _sample_token(self, hidden: Tensor, step: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
        """The semantic (or end) token, and the top logit, which is not finite if any logit is not."""
        model, r, n = self._model, self._rows, len(step)
        logits = model.slow_head(model.slow_norm(hidden)).float()
        top_logit = logits.amax(-1)
        recent = oldest_frame(r.window[:n], step)
        if self._quirks:
            logits = penalise(logits, recent, penalty)
        else:
            logits = penalise_semantic(model, logits, recent[:, :1], penalty)
        return model.slow_ids[self._sample(logits, step, 0, n)], top_logit

    def _sample(self, logits: Tensor, step: Tensor, book: int, n: int) -> Tensor:
        r = self._rows
        noise = exponential_noise(r.seed[:n], step, book, self._salt[: logits.shape[1]])
        return sample(logits, r.temperature[:n], r.top_p[:n], noise)

    def _first_two_positions(self, hidden: Tensor, code: Tensor) -> Tensor:
        """The hidden state and the first code in one pass -> the second's output [n, dim]."""
        model, n = self._model, len(code)
        x = torch.stack([hidden, F.embedding(code, model.fast_embeddings)], 1)
        rope = model.fast_rope[None, :2, None]
        for i, block in enumerate(model.fast):
            q, k, v = project_qkv(block, model.fast_shape, block.attention_norm(x), rope)
            k, v = k.transpose(1, 2), v.transpose(1, 2)
            self._keys[i, :n, :, :2], self._values[i, :n, :, :2] = k, v
            y = attend_many(q, k, v, None, causal=True)
            if i == len(model.fast) - 1:  # the last layer's output is only needed at the second position
                x, y = x[:, 1:], y[:, 1:]
            x = block.wo(y, x)
            x = block.w2(block.gate(block.ffn_norm(x)), x)
        return x[:, 0]

    def _next_position(self, x: Tensor, position: int) -> Tensor:
        """One code's embedding [n, dim] at `position` -> its output [n, dim]."""
        model, n = self._model, len(x)
        x = x[:, None]
        rope = model.fast_rope[None, position : position + 1, None]
        for i, block in enumerate(model.fast):
            q, k, v = project_qkv(block, model.fast_shape, block.attention_norm(x), rope)
            self._keys[i, :n, :, position], self._values[i, :n, :, position] = k[:, 0], v[:, 0]
            used = position + 1
            y = attend_one(q, self._keys[i, :n, :, :used], self._values[i, :n, :, :used], None)
            x = block.wo(y, x)
            x = block.w2(block.gate(block.ffn_norm(x)), x)
        return x[:, 0]


def oldest_frame(window: Tensor, step: Tensor) -> Tensor:
    """The oldest frame in each row's penalty window, [n, 1 + codebooks].

    As in fish_speech, the semantic token's penalty covers only this frame: docs/adr/0010.
    """
    oldest = torch.where(step > WINDOW, (step - 1) % WINDOW, 0)
    return window.gather(2, oldest[:, None, None].expand(-1, window.shape[1], 1))[:, :, 0]


def penalise_semantic(model: Model, logits: Tensor, tokens: Tensor, penalty: Tensor) -> Tensor:
    """Logits of `model.slow_ids` with the penalty for `tokens` [n, k], where they are semantic."""
    index, last = tokens - model.semantic_begin, len(model.slow_ids) - 1
    is_semantic = (index >= 0) & (index < last)
    return penalise(logits, index.clamp(0, last), torch.where(is_semantic, penalty, 1.0))
