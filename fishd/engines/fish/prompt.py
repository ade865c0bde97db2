"""A take's prompt in the model's tokens: the voice's part, shared by its takes, and the line's own part.

    <|interleave|> <|speaker:0|> TRANSCRIPT CODES <|im_end|> <|speaker:0|>  |  TEXT

The package tokenises every part by itself, so the seam before TEXT is exact: the two parts are, token for
token, what its `generate_long` builds. Texts are tokenised with no control token allowed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fishd.engines.fish.import_stubs import package
from fishd.engines.fish.sanitise import sanitise


def prefix_tokens(tokenizer: Any, transcript: str, codes: Tensor) -> Tensor:
    """The voice's part, int64 [1 + codebooks, tokens]. `codes` are its clips', [codebooks, frames]."""
    (content,) = package("fish_speech.content_sequence")
    sequence = content.ContentSequence(modality="interleave")
    said = content.TextPart(tokens=_plain(tokenizer, transcript))
    sequence.append([said, content.VQPart(codes=codes)], add_end=True, speaker=0)
    sequence.append([], speaker=0)
    values, _, _ = sequence.encode_for_inference(tokenizer, num_codebooks=len(codes))
    return values.long()


def suffix_tokens(tokenizer: Any, text: str, num_codebooks: int) -> Tensor:
    """The line's part, int64 [1 + codebooks, tokens]."""
    tokens = _plain(tokenizer, text)
    values = torch.zeros(1 + num_codebooks, len(tokens), dtype=torch.long)
    values[0] = torch.tensor(tokens)
    return values


def _plain(tokenizer: Any, text: str) -> list[int]:
    return tokenizer.encode(sanitise(text), allowed_special=False)
