"""From a take to what can be seated: its line in tokens, and the length of row that it asks for."""

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
class Room:
    """The longest row that there can be, and how many of its places no frame may take."""

    longest: int
    spare: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A take that is ready to be seated: at most `limit` frames; `need` is the length of row it asks for."""

    take: Take
    suffix: Tensor
    limit: int
    need: int


def make_ready(take: Take, voices: Voices, model: Model, codec: Codec, room: Room) -> Waiting | Failed:
    """Enrol the voice if it is new, tokenise the line, and count. A take that cannot be spoken fails here."""
    if not has_speech(take.text):
        return Failed(take.id, f"there is nothing to say in {take.text!r}", retry=False)
    try:
        prefix = voices.prompt(take.voice)
    except BadClip as error:
        return Failed(take.id, f"reference {error}", retry=False)
    suffix = suffix_tokens(model.tokenizer, take.text, model.num_codebooks)
    prompt = prefix.shape[1] + suffix.shape[1]
    left = room.longest - prompt - room.spare
    if left < 1:
        what = f"the reference ({prefix.shape[1]}) and the text ({suffix.shape[1]}) are longer"
        return Failed(take.id, f"{what} than the {room.longest} tokens there is room for", retry=False)
    limit = min(math.floor(take.limit_s * codec.frame_rate), codec.max_frames, left)
    return Waiting(take, suffix, limit, prompt + limit + room.spare)
