"""Preparing a take for decoding: its line as tokens and the row length that it needs."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.prompt import suffix_tokens
from fishd.engines.fish.sanitise import has_speech
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import BadClip, Failed, Take


@dataclass(frozen=True, slots=True)
class PreparedTake:
    """A take ready for admission: at most `max_frames` frames, in a row of at least `row_tokens`."""

    take: Take
    suffix: Tensor
    max_frames: int
    row_tokens: int


def prepare_take(
    take: Take, voices: Voices, model: Model, codec: Codec, *, max_row_tokens: int, reserved_tokens: int
) -> PreparedTake | Failed:
    """Enrol the voice if it is new, tokenise the line and compute its limits.

    `max_row_tokens` is the longest possible row, of which frames may not use the last `reserved_tokens`. A
    take that can never be spoken is Failed.
    """
    if not has_speech(take.text):
        return Failed(take.id, f"the text {take.text!r} has no letter or digit", retry=False)
    try:
        prefix = voices.prompt_tokens(take.voice)
    except BadClip as error:
        return Failed(take.id, f"reference {error}", retry=False)
    suffix = suffix_tokens(model.tokenizer, take.text, model.num_codebooks)
    prompt_tokens = prefix.shape[1] + suffix.shape[1]
    left = max_row_tokens - prompt_tokens - reserved_tokens
    if left < 1:
        parts = f"the reference ({prefix.shape[1]} tokens) and the text ({suffix.shape[1]})"
        return Failed(take.id, f"{parts} do not fit the {max_row_tokens} tokens of a slot", retry=False)
    max_frames = min(math.floor(take.limit_s * codec.frame_rate), codec.max_frames, left)
    return PreparedTake(take, suffix, max_frames, prompt_tokens + max_frames + reserved_tokens)
