"""Voices, enrolled once: clips to codes (kept in memory and on disk), codes to a read prompt (on the device).

Codes are kept by the voice's key, which is a hash of its clips, and by the codec's fingerprint. Of read
prompts as many are kept as the plan has room for; the one unused for longest goes first.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.prompt import prefix_tokens
from fishd.engines.protocol import BadClip, Voice

MOST_VOICES = 1024  # whose codes stay in memory: about 6 kB each


class Voices:
    """Everything known of the voices that this engine has met."""

    def __init__(self, codec: Codec, tokenizer: Any, cache_dir: Path | None, num_tokens: int) -> None:
        self._codec, self._tokenizer, self._cache_dir = codec, tokenizer, cache_dir
        self._num_tokens = num_tokens  # room for read prompts
        self._prompts: OrderedDict[str, Tensor] = OrderedDict()  # key -> tokens
        self._read: OrderedDict[str, Tensor] = OrderedDict()  # key -> keys and values

    def knows(self, voice: Voice) -> bool:
        """Would `prompt` answer at once?"""
        return voice.key in self._prompts

    def prompt(self, voice: Voice) -> Tensor:
        """The voice's part of every prompt, as tokens. Raises BadClip."""
        if voice.key not in self._prompts:
            codes = self._codes(voice)
            self._prompts[voice.key] = prefix_tokens(self._tokenizer, voice.transcript, codes)
            while len(self._prompts) > MOST_VOICES:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(voice.key)
        return self._prompts[voice.key]

    def read(self, voice: Voice, read_prefix: Callable[[Tensor], Tensor]) -> Tensor:
        """The voice's prompt as keys and values, read by `read_prefix` if it is not at hand."""
        if voice.key not in self._read:
            tokens = self.prompt(voice)
            self._make_room(tokens.shape[1])
            self._read[voice.key] = read_prefix(tokens)
        self._read.move_to_end(voice.key)
        return self._read[voice.key]

    def forget_read(self, num_tokens: int) -> None:
        """Let go of all read prompts, and keep at most so many tokens from now on."""
        self._read.clear()
        self._num_tokens = num_tokens

    def _make_room(self, needed: int) -> None:
        kept = sum(read.shape[3] for read in self._read.values())
        while self._read and kept + needed > self._num_tokens:
            _, gone = self._read.popitem(last=False)
            kept -= gone.shape[3]

    def _codes(self, voice: Voice) -> Tensor:
        place = self._place(voice)
        found = _load(place, self._codec.num_codebooks) if place else None
        if found is None:
            found = torch.cat([self._codec.encode(self._clip(clip)) for clip in voice.clips], 1)
            if place:
                _save(place, found)
        return found

    def _clip(self, clip: Path) -> Tensor:
        """A clip as mono float32 at the codec's rate. Raises BadClip."""
        try:
            audio, rate = soundfile.read(clip, dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise BadClip(f"{clip.name}: cannot be read ({error})") from error
        mono = soxr.resample(audio.mean(1), rate, self._codec.sample_rate)
        if len(mono) > self._codec.max_frames * self._codec.frame_length:
            longest = self._codec.max_frames / self._codec.frame_rate
            raise BadClip(f"{clip.name}: is longer than {longest:.0f} s; 10 to 30 s are best")
        if not len(mono) or not np.isfinite(mono).all():
            raise BadClip(f"{clip.name}: holds no sound that can be used")
        return torch.from_numpy(np.ascontiguousarray(mono))

    def _place(self, voice: Voice) -> Path | None:
        if self._cache_dir is None:
            return None
        name = hashlib.sha256(voice.key.encode()).hexdigest()[:40]
        return self._cache_dir / f"fish-codes-{self._codec.fingerprint}" / f"{name}.npy"


def _load(place: Path, num_codebooks: int) -> Tensor | None:
    """Codes from the cache; a file that is not what it should be counts as none."""
    try:
        codes = np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = codes.ndim == 2 and codes.shape[0] == num_codebooks and codes.dtype == np.int16 and codes.size
    return torch.from_numpy(codes) if sound else None


def _save(place: Path, codes: Tensor) -> None:
    """Publish by rename; a full or read-only disk only costs the next worker an encoding."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temp = tempfile.mkstemp(dir=place.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, codes.numpy())
            Path(temp).replace(place)
        except OSError:
            Path(temp).unlink(missing_ok=True)
