"""A take's prompt as tokens: a prefix that all takes of a voice share, and the line's own suffix.

    <|interleave|> <|speaker:0|> TRANSCRIPT CODES <|im_end|> <|speaker:0|>  |  TEXT

fish_speech tokenises each part by itself, so the boundary before TEXT is exact: prefix and suffix together
are, token for token, the prompt of its `generate_long`. Texts are tokenised with no control token allowed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.fish.sanitise import sanitise


def prefix_tokens(tokenizer: Any, transcript: str, codes: Tensor) -> Tensor:
    """The voice's part, int64 [1 + codebooks, tokens]. `codes` [codebooks, frames] are its clips'."""
    (content,) = import_upstream("fish_speech.content_sequence")
    sequence = content.ContentSequence(modality="interleave")
    text = content.TextPart(tokens=_tokenise(tokenizer, transcript))
    sequence.append([text, content.VQPart(codes=codes)], add_end=True, speaker=0)
    sequence.append([], speaker=0)
    values, _, _ = sequence.encode_for_inference(tokenizer, num_codebooks=len(codes))
    return values.long()


def suffix_tokens(tokenizer: Any, text: str, num_codebooks: int) -> Tensor:
    """The line's part, int64 [1 + codebooks, tokens]; the codebook rows are zero."""
    tokens = _tokenise(tokenizer, text)
    values = torch.zeros(1 + num_codebooks, len(tokens), dtype=torch.long)
    values[0] = torch.tensor(tokens)
    return values


def _tokenise(tokenizer: Any, text: str) -> list[int]:
    return tokenizer.encode(sanitise(text), allowed_special=False)
