"""What the fish engine's tests share: voices of noise, takes, and engines with a part of the test's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Take, Voice


def make_voice(
    folder: Path, key: str, seconds: float = 1.0, transcript: str = "What is said in the clip."
) -> Voice:
    """A voice whose clip is noise, seeded by its key."""
    seed = int.from_bytes(key.encode()[:4].ljust(4, b"\0"))
    clip = folder / f"{key}.wav"
    soundfile.write(clip, 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 44_100)), 44_100)
    return Voice(key, (clip,), transcript, "en")


def make_take(voice: Voice, number: int, limit_s: float = 8.0, **options: object) -> Take:
    """A take whose text and seed follow from its number; texts differ in length."""
    text = f"Line {number}" + ", and so on" * (number % 4) + "."
    return Take(f"take-{number}", voice, text, "en", 1000 + number, limit_s, options)


def assemble(
    folder: Path,
    decoder: type[Decoder] = Decoder,
    codec: type[Codec] = Codec,
    slots: int = 4,
    length: int = 1024,
) -> FishEngine:
    """An engine on the CPU in float32, with a decoder or a codec of the test's own making."""
    device = torch.device("cpu")
    model, made = load_model(folder, device, torch.float32), codec(folder, device, torch.float32)
    planned = Plan(slots, length, 4096, "as the test says")
    voices = Voices(made, model.tokenizer, None, planned.voice_tokens)
    return FishEngine(lambda wanted: decoder(model, wanted), made, voices, planned, Sampling())
