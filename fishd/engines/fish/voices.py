"""Voices: reference clips to codes (cached in memory and on disk), codes to prompts, prompts to prefix KV.

Codes are cached by the voice's key, which is a hash of its clips, and by the codec's fingerprint. Prefix KV
is cached up to the plan's `prefix_tokens`; the least recently used goes first.
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

MAX_PROMPTS = 1024  # kept in memory, about 6 kB each


class Voices:
    """The enrolled voices of one engine."""

    def __init__(self, codec: Codec, tokenizer: Any, cache_dir: Path | None, max_prefix_tokens: int) -> None:
        self._codec, self._tokenizer, self._cache_dir = codec, tokenizer, cache_dir
        self._max_prefix_tokens = max_prefix_tokens
        self._prompts: OrderedDict[str, Tensor] = OrderedDict()  # voice key -> tokens
        self._prefixes: OrderedDict[str, Tensor] = OrderedDict()  # voice key -> keys and values

    def is_enrolled(self, voice: Voice) -> bool:
        """Whether `prompt_tokens` returns at once."""
        return voice.key in self._prompts

    def prompt_tokens(self, voice: Voice) -> Tensor:
        """The voice's part of every prompt, int64 [1 + codebooks, tokens]. Raises BadClip."""
        if voice.key not in self._prompts:
            codes = self._codes(voice)
            self._prompts[voice.key] = prefix_tokens(self._tokenizer, voice.transcript, codes)
            while len(self._prompts) > MAX_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(voice.key)
        return self._prompts[voice.key]

    def prefix_kv(self, voice: Voice, prefill: Callable[[Tensor], Tensor]) -> Tensor:
        """The voice's prompt as keys and values, computed by `prefill` unless cached."""
        if voice.key not in self._prefixes:
            tokens = self.prompt_tokens(voice)
            self._evict_prefixes(tokens.shape[1])
            self._prefixes[voice.key] = prefill(tokens)
        self._prefixes.move_to_end(voice.key)
        return self._prefixes[voice.key]

    def drop_prefixes(self, max_prefix_tokens: int) -> None:
        """Drop all cached prefix KV, and cache at most so many tokens from now on."""
        self._prefixes.clear()
        self._max_prefix_tokens = max_prefix_tokens

    def _evict_prefixes(self, needed: int) -> None:
        cached = sum(prefix.shape[3] for prefix in self._prefixes.values())
        while self._prefixes and cached + needed > self._max_prefix_tokens:
            _, evicted = self._prefixes.popitem(last=False)
            cached -= evicted.shape[3]

    def _codes(self, voice: Voice) -> Tensor:
        file = self._cache_file(voice)
        codes = _load(file, self._codec.num_codebooks) if file else None
        if codes is None:
            codes = torch.cat([self._codec.encode(self._clip(clip)) for clip in voice.clips], 1)
            if file:
                _save(file, codes)
        return codes

    def _clip(self, clip: Path) -> Tensor:
        """A clip as mono float32 at the codec's rate. Raises BadClip."""
        try:
            audio, rate = soundfile.read(clip, dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise BadClip(f"{clip.name}: cannot be read ({error})") from error
        mono = soxr.resample(audio.mean(1), rate, self._codec.sample_rate)
        if len(mono) > self._codec.max_frames * self._codec.frame_length:
            max_s = self._codec.max_frames / self._codec.frame_rate
            raise BadClip(f"{clip.name}: is longer than {max_s:.0f} s; 10 to 30 s work best")
        if not len(mono) or not np.isfinite(mono).all():
            raise BadClip(f"{clip.name}: is empty, or holds NaN or infinite samples; record it again")
        return torch.from_numpy(np.ascontiguousarray(mono))

    def _cache_file(self, voice: Voice) -> Path | None:
        if self._cache_dir is None:
            return None
        name = hashlib.sha256(voice.key.encode()).hexdigest()[:40]
        return self._cache_dir / f"fish-codes-{self._codec.fingerprint}" / f"{name}.npy"


def _load(file: Path, num_codebooks: int) -> Tensor | None:
    """Codes from the cache; None for a missing or damaged file."""
    try:
        codes = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_valid = codes.ndim == 2 and codes.shape[0] == num_codebooks and codes.dtype == np.int16 and codes.size
    return torch.from_numpy(codes) if is_valid else None


def _save(file: Path, codes: Tensor) -> None:
    """Publish by rename. A full or read-only disk only costs the next worker an encoding."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temp = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part:
                np.save(part, codes.numpy())
            Path(temp).replace(file)
        except OSError:
            Path(temp).unlink(missing_ok=True)
