"""Shared by the fish engine's tests: noise voices, takes, prompts, engines with parts of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.capture import Work
from fishd.engines.fish.cuda.graph_decoder import FrameSettings, GraphDecoder, OpsFactory
from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import Sampling
from fishd.engines.fish.prompt import prefix_tokens, suffix_tokens
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Take, Voice

CPU = torch.device("cpu")
TRANSCRIPTS = ("The first voice says this.", "And the second voice says something rather longer than that.")
LINES = (
    "One.",
    "Two words.",
    "A line of some length, with a comma.",
    "Yes!",
    "Why not, then?",
    "The last of them.",
)
SAMPLED = Sampling()
MakeDecoder = Callable[[Model, SlotPlan], Decoder]


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
    make_decoder: MakeDecoder = Decoder,
    make_codec: Callable[[Path, torch.device, torch.dtype], Codec] = Codec,
    slots: int = 4,
    length: int = 1024,
) -> FishEngine:
    """An engine on the CPU in float32, with the test's own decoder or codec."""
    model, codec = load_model(folder, CPU, torch.float32), make_codec(folder, CPU, torch.float32)
    plan = SlotPlan(slots, length, 4096, "a test's plan")
    voices = Voices(codec, model.tokenizer, None, plan.prefix_tokens)
    return FishEngine(lambda wanted: make_decoder(model, wanted), codec, voices, plan, Sampling())


def voice_codes(model: Model, voice: int, frames: int) -> torch.Tensor:
    """Made-up codes of a reference clip."""
    generator = torch.Generator().manual_seed(voice)
    size = min(model.semantic_end - model.semantic_begin + 1, 1024)
    return torch.randint(0, size, (model.num_codebooks, frames), generator=generator)


def make_prompts(decoder: Decoder, options: Sampling = SAMPLED, frames: int = 20) -> list[Prompt]:
    """Six lines of two voices, whose references have `frames` and 13 more frames."""
    model, prompts = decoder.model, []
    for i, text in enumerate(LINES):
        voice = i % 2
        codes = voice_codes(model, voice, frames + 13 * voice)
        prefix = decoder.prefill_prefix(prefix_tokens(model.tokenizer, TRANSCRIPTS[voice], codes))
        suffix = suffix_tokens(model.tokenizer, text, model.num_codebooks)
        prompts.append(Prompt(prefix, suffix, i, options))
    return prompts


def sample_frames(decoder: Decoder, prompts: list[Prompt], count: int) -> torch.Tensor:
    """`count` frames for every row, [rows, 1 + codebooks, count]."""
    n, frames = len(prompts), []
    decoder.prefill(range(n), prompts)
    for _ in range(count):
        decoder.sample_frame(n)
        frames.append(decoder.rows.frame[:n].clone())
        decoder.advance(n)
    return torch.stack(frames, 2)


class FakeCapture:
    """In place of a CUDA graph: capturing runs nothing, replaying does the same work again."""

    def __init__(self) -> None:
        self.num_captured, self.num_replays = 0, 0

    def __call__(self, work: Work) -> Work:
        self.num_captured += 1

        def replay() -> None:
            self.num_replays += 1
            work()

        return replay


def capturing_decoder(
    model: Model,
    plan: SlotPlan,
    make_ops: OpsFactory | None,
    capture: Callable[[Work], Work] | None = None,
) -> GraphDecoder:
    """A GraphDecoder that captures on the CPU."""
    capture = capture or FakeCapture()
    return GraphDecoder(model, plan, settings=FrameSettings(lambda _: capture, make_ops))
